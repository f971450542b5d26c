"""Sections of feeds.toml."""


def section(*lines: str, name: str = "a") -> str:
    """Return the section of a feed with the key `id` in the table Orders."""
    return "\n".join([f"[feeds.{name}]", f'prefix = "{name}/"', 'table = "Orders"', 'partition_key = "id"', *lines, ""])
