"""The page's markup, one module a panel; ``static/`` brings it to life.

Plain strings on purpose: the boot front sends them before anything heavy is imported.
"""

from rayograph_ui.panels.bar import bar
from rayograph_ui.panels.browse import browse
from rayograph_ui.panels.detail import detail
from rayograph_ui.panels.discover import discover
from rayograph_ui.panels.export import export
from rayograph_ui.panels.facets import facets
from rayograph_ui.panels.failures import failures
from rayograph_ui.panels.labelling import labelling
from rayograph_ui.panels.map import map_
from rayograph_ui.panels.notices import notices
from rayograph_ui.panels.snapshots import snapshots
from rayograph_ui.panels.viewer import viewer
from rayograph_ui.panels.work import work

__all__ = [
    "bar",
    "browse",
    "detail",
    "discover",
    "export",
    "facets",
    "failures",
    "labelling",
    "map_",
    "notices",
    "snapshots",
    "viewer",
    "work",
]
