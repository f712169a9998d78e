"""Which scope each endpoint demands; one that names none lets nobody in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from users.api.authentication import Client
from users.api.errors import MissingScopeError
from users.scopes import Scope


class HasScope(BasePermission):
    """Lets a client do what its token's scopes say.

    A view names the scope of each of its methods::

        scopes = {"GET": Scope.USERS_READ, "POST": Scope.USERS_WRITE}

    HEAD needs what GET needs; OPTIONS any token.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether the request may go on; False for a stranger.

        Raises:
            MissingScopeError: The token lacks the scope.
            MethodNotAllowed: The view has no such method.
        """
        if request.auth is None:
            return False
        method = str(request.method)
        if method == "OPTIONS":
            return True
        needed = demanded(view, method)
        if needed is None:
            raise MethodNotAllowed(method)
        demand(request, needed)
        return True


def demanded(view: Any, method: str) -> Scope | None:
    """Return the scope that *view* demands for *method*; None when it names none."""
    scopes: Mapping[str, Scope] = getattr(view, "scopes", {})
    return scopes.get("GET" if method == "HEAD" else method)


def may(request: Request, scope: Scope) -> bool:
    """Return whether the client's token has *scope*."""
    return scope in cast("Client", request.user).scopes


def demand(request: Request, scope: Scope, why: str = "") -> None:
    """Go on only if the client's token has *scope*.

    Raises:
        MissingScopeError: It has not; the answer names the scope, and says *why*.
    """
    if not may(request, scope):
        raise MissingScopeError(scope, why)
