"""Forms are taken from our own pages alone (CSRF)."""

from urllib.parse import urlsplit

from fastapi import Request

from serving.problem import ForbiddenError


async def same_origin(request: Request) -> None:
    """Stops a form that another site sent, or of which nobody can say who sent it.

    Browsers say where a form comes from in headers that a page cannot set (Fetch Metadata; RFC 6454).

    Raises:
        ForbiddenError: It was not sent from here.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site != "same-origin":
            raise ForbiddenError
        return
    origin = request.headers.get("Origin", "")
    if not origin or urlsplit(origin).netloc != request.headers.get("Host"):
        raise ForbiddenError
