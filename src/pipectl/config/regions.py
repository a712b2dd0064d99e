"""The regions that a pipeline can be in."""

from __future__ import annotations

from difflib import get_close_matches

from pipectl.aws.settings import partition_of, regions

_WITHOUT_MAPPING_TAGS = ("aws-cn", "aws-us-gov")


def known_region(region: str) -> str:
    """Return ``region``. Raise a `ValueError` with similar regions, else with all, when it is unknown.

    Regions in which a pipeline cannot be managed are refused, too.
    """
    if region not in regions():
        meant = get_close_matches(region.strip().lower(), regions(), n=3)
        rest = f"did you mean {' or '.join(meant)}?" if meant else f"known are {', '.join(regions())}"
        raise ValueError(f"{region!r} is not a region with Lambda; {rest}")
    if (partition := partition_of(region)) in _WITHOUT_MAPPING_TAGS:
        raise ValueError(
            f"{region!r} is in the partition {partition}, where Lambda takes no tags on event source mappings; pipectl "
            "needs them to mark what it manages"
        )
    return region
