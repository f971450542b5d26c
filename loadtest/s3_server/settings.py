"""What an object endpoint is to do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an object endpoint is to do.

    Attributes:
        cut_share: the share of answers with a body that end in their middle, with the connection. Which, `seed` says.
        tls: speak TLS, with a certificate made at the start. `ObjectServer.ca_file` is what clients are to trust.
    """

    cut_share: float = 0.0
    seed: int = 1
    tls: bool = False
    port: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.cut_share <= 1:
            raise ValueError("a share is from 0 to 1")
