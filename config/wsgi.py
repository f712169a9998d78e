"""The WSGI entry point."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from config.deadlines import bound_the_database
from config.garbage import leave_the_code_out

bound_the_database()
application = get_wsgi_application()
leave_the_code_out()
