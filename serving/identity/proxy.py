"""Whom a trusted proxy names. From any other peer the header means nothing."""

import logging
from ipaddress import IPv6Address, ip_address
from typing import Final

from fastapi import Request
from starlette.exceptions import HTTPException

from serving.identity.settings import TrustedProxy

_log: Final = logging.getLogger(__name__)


class ProxyHeader:
    """The header of a trusted proxy.

    Attributes:
        refused: How often it came from a peer that is not listed.
    """

    def __init__(self, settings: TrustedProxy) -> None:
        self._settings = settings
        self.refused = 0

    def name_in(self, request: Request) -> str | None:
        """How the proxy names who is asking; None if it names nobody, or somebody else sent the header.

        Raises:
            HTTPException: 400, the header is empty or there are several: nobody can say which is the proxy's.
        """
        values = request.headers.getlist(self._settings.header)
        if not values:
            return None
        if not self._is_listed(request):
            self.refused += 1
            if self.refused & (self.refused - 1) == 0:  # once, twice, four times … : no flood of lines
                _log.warning("an identity header came from a peer that is not listed, %d times by now", self.refused)
            return None
        if len(values) != 1 or not values[0].strip() or len(values[0]) > 500:
            raise HTTPException(400)
        return values[0].strip()

    def _is_listed(self, request: Request) -> bool:
        try:
            peer = ip_address(request.client.host if request.client else "")
        except ValueError:
            return False
        if isinstance(peer, IPv6Address) and peer.ipv4_mapped is not None:
            peer = peer.ipv4_mapped
        return any(peer in network for network in self._settings.peers)
