"""The looks of words: state, severity, status of a failure.

The first sixteen colours are the user's: yellow, green and cyan cannot be read on many light terminals. These colours
are of the fixed part of the 256 colours, and have enough contrast with dark and light backgrounds. A terminal with
sixteen colours shows its nearest one, so a word that matters is bold as well. No colour alone has a meaning.
"""

from __future__ import annotations

from pipectl.engine.model import Action
from pipectl.failures.status import ReplayStatus

GOOD = "bold color(28)"
BAD = "bold color(196)"
WARN = "bold color(166)"
"""Only for a mark, or a word beside its mark; another word that wants attention is bold alone."""
UNSURE = "bold color(163)"
ATTENTION = "bold"
LESS = "dim"
"""For what matters less: a repetition, something that is done, the duration of a change."""
BARS = "color(167)"
OLD = "color(196)"
NEW = GOOD
"""A value that was found, and the one that replaces it."""
ADOPTED = "color(31)"
FUNCTIONS = {"processor": "color(31)", "auditor": "color(163)"}
BADGE_GOOD = "bold color(231) on color(28)"
BADGE_UNSURE = "bold color(231) on color(90)"
BADGE_WARN = "bold color(16) on color(214)"
BADGE_BAD = "bold color(231) on color(124)"
ACTIONS = {
    Action.CREATE: ("+", GOOD, "created"),
    Action.UPDATE: ("~", WARN, "updated"),
    Action.REPLACE: ("±", UNSURE, "replaced"),
    Action.DELETE: ("-", BAD, "deleted"),
    Action.ADOPT: (">", ADOPTED, "adopted"),
    Action.REFUSE: ("!", BAD, "refused"),
    Action.KEEP: ("=", LESS, "kept"),
}
"""Mark, colour and past tense of each action."""
STATUS = {
    ReplayStatus.OPEN: ATTENTION,
    ReplayStatus.PARTIAL: ATTENTION,
    ReplayStatus.FAILED: BAD,
    ReplayStatus.EXPIRED: BAD,
    ReplayStatus.REPLAYED: GOOD,
    ReplayStatus.RESOLVED: GOOD,
}
