"""Line icons on a 24 px grid, drawn with the text's colour."""

from __future__ import annotations

_PATHS = {
    "search": '<circle cx="11" cy="11" r="6.5"/><path d="m16 16 4.5 4.5"/>',
    "picture": '<rect x="3.5" y="5" width="17" height="14" rx="2"/><circle cx="9" cy="10" r="1.6"/>'
    '<path d="m4 17 5-4.5 3.5 3 3-2.5 4.5 4"/>',
    "discover": '<circle cx="7.5" cy="8" r="3"/><circle cx="16.5" cy="7" r="2"/><circle cx="15.5" '
    'cy="16.5" r="3.5"/><circle cx="7" cy="17" r="1.6"/>',
    "label": '<path d="M4 5.5A1.5 1.5 0 0 1 5.5 4H12l8 8-8 8-8-8z"/>'
    '<circle cx="8.5" cy="8.5" r="1.3"/>',
    "map": '<path d="M9 5 3.5 7.5v12L9 17l6 2.5 5.5-2.5V5L15 7.5zM9 5v12M15 7.5v12"/>',
    "hand": '<path d="M8 12V6a1.4 1.4 0 0 1 2.8 0v5M10.8 11V4.6a1.4 1.4 0 0 1 2.8 0V11M13.6 11V6'
    "a1.4 1.4 0 0 1 2.8 0v8.5c0 3.5-2 5.5-5 5.5-2.6 0-4-1-5.2-3.2l-2-3.7c-.8-1.5 1-2.8 2.2-1.6L8 13"
    '.5"/>',
    "lasso": '<path d="M12 4.5c4.7 0 8.5 2.3 8.5 5.5S16.7 15.5 12 15.5 '
    '3.5 13.2 3.5 10 7.3 4.5 12 4.5z"/>'
    '<circle cx="7" cy="15.5" r="1.8"/><path d="M7 17.3c0 1.7 1 2.7 2.5 3"/>',
    "filter": '<path d="M4 6h16M7.5 12h9M10.5 18h3"/>',
    "close": '<path d="m6 6 12 12M18 6 6 18"/>',
    "down": '<path d="m6.5 9.5 5.5 5.5 5.5-5.5"/>',
    "left": '<path d="M14.5 5 8 12l6.5 7"/>',
    "right": '<path d="M9.5 5 16 12l-6.5 7"/>',
    "activity": '<path d="M4 19V11M10 19V5M16 19v-6M21 19H3"/>',
    "warning": '<path d="M12 4 2.8 19.5h18.4z"/><path d="M12 10v4.5M12 17v.2"/>',
    "theme": '<circle cx="12" cy="12" r="8"/><path d="M12 4a8 8 0 0 0 0 16z" fill="currentColor"/>',
    "help": '<circle cx="12" cy="12" r="8.5"/><path d="M9.6 9.6c.3-3.4 5.3-2.8 4.9.3-.3 1.9-2.5 '
    '1.9-2.5 4M12 16.6v.2"/>',
    "boxes": '<path d="M4 8V5.5A1.5 1.5 0 0 1 5.5 4H8M12 4h2.5A1.5 1.5 0 0 1 16 5.5V8M4 12v2.5A1.5 '
    '1.5 0 0 0 5.5 16H8"/><rect x="11" y="11" width="9" height="9" rx="1.5"/>',
    "minus": '<path d="M5 12h14"/>',
    "whole": '<path d="M4 9V5.5A1.5 1.5 0 0 1 5.5 4H9M15 4h3.5A1.5 1.5 0 0 1 20 5.5V9M20 15v3.5'
    'a1.5 1.5 0 0 1-1.5 1.5H15M9 20H5.5A1.5 1.5 0 0 1 4 18.5V15"/><rect x="8.5" y="9.5" '
    'width="7" height="5" rx="1"/>',
    "full": '<path d="M13.5 4H20v6.5M20 4l-6.5 6.5M10.5 20H4v-6.5M4 20l6.5-6.5"/>',
    "link": '<path d="M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1.2 1.2M14 10a4 4 0 0 0-5.7 0'
    'l-3 3a4 4 0 0 0 5.7 5.7l1.2-1.2"/>',
    "export": '<path d="M12 4v11M7.5 10.5 12 15l4.5-4.5M4.5 16v2.5A1.5 1.5 0 0 0 6 20h12'
    'a1.5 1.5 0 0 0 1.5-1.5V16"/>',
    "pause": '<path d="M8.5 5.5v13M15.5 5.5v13"/>',
    "play": '<path d="M8 5.5v13l10.5-6.5z"/>',
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "trash": '<path d="M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7"/>',
    "alike": '<rect x="4" y="4" width="10" height="10" rx="2"/><path d="M17 9h1.5A1.5 1.5 0 0 1 20 '
    '10.5v8a1.5 1.5 0 0 1-1.5 1.5h-8A1.5 1.5 0 0 1 9 18.5V17"/>',
    "box": '<path d="M4 8V5.5A1.5 1.5 0 0 1 5.5 4H8M16 4h2.5A1.5 1.5 0 0 1 20 5.5V8M20 16v2.5a1.5 '
    '1.5 0 0 1-1.5 1.5H16M8 20H5.5A1.5 1.5 0 0 1 4 18.5V16"/>',
    "aperture": '<circle cx="12" cy="12" r="8.5"/>'
    '<path d="M16.1 13.1 9.1 20M13.1 16.1 3.6 13.5M9 15 6.5 5.5"/>'
    '<path d="M7.9 10.9 14.9 4M10.9 7.9 20.4 10.5M15 9 17.5 18.5"/>',
    "shrink": '<rect x="5" y="5" width="5.5" height="5.5" rx="1"/><rect x="13.5" y="5" '
    'width="5.5" height="5.5" rx="1"/><rect x="5" y="13.5" width="5.5" height="5.5" '
    'rx="1"/><rect x="13.5" y="13.5" width="5.5" height="5.5" rx="1"/>',
}


def icon(name: str) -> str:
    """One icon as inline SVG, hidden from screen readers: its button carries the label."""
    return (
        f'<svg class="rg-icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">'
        f"{_PATHS[name]}</svg>"
    )
