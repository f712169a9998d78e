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

    A tuple of scopes means any of them; the first is named to who has none.
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
        if not needed:
            raise MethodNotAllowed(method)
        if not any(may(request, scope) for scope in needed):
            raise MissingScopeError(needed[0])
        return True


def demanded(view: Any, method: str) -> tuple[Scope, ...]:
    """Return the scopes of which *view* demands one for *method*; none when closed."""
    scopes: Mapping[str, Scope | tuple[Scope, ...]] = getattr(view, "scopes", {})
    needed = scopes.get("GET" if method == "HEAD" else method, ())
    return (needed,) if isinstance(needed, Scope) else needed


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
