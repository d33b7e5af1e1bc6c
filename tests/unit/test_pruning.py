"""Which numbered checkpoints a run keeps, and which files it never deletes."""

from __future__ import annotations

from pathlib import Path

from tests.trainers import tiny_config, trainer_of


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_checkpoints_of_earlier_starts_count_and_other_files_are_never_deleted(
    tmp_path: Path,
) -> None:
    config = tiny_config(tmp_path, keep_checkpoints=2, save_interval=1, max_steps=6)
    place = tmp_path / "checkpoints"
    others = {
        *("step_1-mine.pt", "step_002.pt", "step_٣.pt", "step_best.pt", "step_1.pt.bak"),
        *("step_.pt", "step_-1.pt", "best_step_1.pt", "notes.txt"),
    }
    other_run = tmp_path / "other" / "checkpoints"
    for folder in (place, other_run):
        folder.mkdir(parents=True)
        for name in (*others, "step_1.pt", "step_2.pt", "step_3.pt", "step_9.pt"):
            (folder / name).write_bytes(b"as it was")
    (place / "step_0.pt").mkdir()  # cannot be deleted as a file is
    before = names(other_run)
    trainer = trainer_of(config, [])
    trainer.global_step = 4
    trainer._save("step_4.pt", "step")
    kept = {"step_3.pt", "step_4.pt", "step_9.pt", "step_0.pt"}
    assert names(place) == others | kept
    trainer._save("epoch_0.pt", "epoch")
    trainer.global_step = 5
    trainer._save("step_5.pt", "step")
    assert names(place) == others | {"step_4.pt", "step_5.pt", "step_9.pt", "step_0.pt"} | {
        "epoch_0.pt"
    }
    assert all((place / name).read_bytes() == b"as it was" for name in others)
    assert names(other_run) == before
