"""Why a run on AWS does not begin, breaks off, or leaves something behind."""


class Refused(Exception):
    """The guard does not let it happen; nothing was done."""


class Failed(Exception):
    """AWS did not take what was asked of it."""


class NotClean(Exception):
    """Something of a run is left; says what, and what to do."""
