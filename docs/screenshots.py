"""Draw README's pictures from a real run: python docs/screenshots.py RUN"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path

from trm_engine.config import Config
from trm_engine.runs.folder import RunFolder
from trm_tui.app import TrmApp
from trm_tui.attached import AttachedRun
from trm_tui.screens.train import TrainScreen
from trm_tui.settings import Settings

HERE = Path(__file__).parent
SIZE = (160, 48)
PICTURES = {
    "train-dark": ("trm-dark", "1"),
    "train-light": ("trm-light", "1"),
    "tools-dark": ("trm-dark", "4"),
}


async def draw(folder: RunFolder, name: str, theme: str, tab: str) -> None:
    """Open the run, show a tab, and save the screen as SVG."""
    run = AttachedRun(folder, Config.from_yaml(folder.config))
    app = TrmApp(partial(TrainScreen, run), Settings(theme=theme))
    async with app.run_test(size=SIZE) as pilot:
        while run.behind or not run.store.columns.rows:
            await pilot.pause(0.1)
        await pilot.press(tab)
        await pilot.pause(1.0)
        (HERE / f"{name}.svg").write_text(app.export_screenshot(), encoding="utf-8")


def main() -> None:
    """All pictures of the run that was named."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} RUN")
    folder = RunFolder(Path(sys.argv[1]))
    for name, (theme, tab) in PICTURES.items():
        asyncio.run(draw(folder, name, theme, tab))


if __name__ == "__main__":
    main()
