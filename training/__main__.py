"""Train rayograph-mini: ``python -m training``, see training/README.md."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from training.export import export
from training.heads import HeadPlan, fit_heads
from training.train import Plan, train


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: torch decides")
    parser.add_argument("--no-export", action="store_true", help="leave the package's weights")
    for entry in fields(Plan):
        flag = "--" + entry.name.replace("_", "-")
        if entry.name == "out":
            parser.add_argument(flag, type=Path, default=Path("training/runs/mini"))
        else:
            parser.add_argument(flag, type=type(entry.default), default=entry.default)
    for entry in fields(HeadPlan):
        flag = "--heads-" + entry.name.replace("_", "-")
        parser.add_argument(flag, type=type(entry.default), default=entry.default)
    options = vars(parser.parse_args())
    threads, keep = options.pop("threads"), options.pop("no_export")
    if threads:
        import torch

        torch.set_num_threads(threads)
    heads = HeadPlan(
        **{entry.name: options.pop(f"heads_{entry.name}") for entry in fields(HeadPlan)}
    )
    plan = Plan(**options)
    checkpoint = train(plan)
    if heads.steps:
        checkpoint = fit_heads(checkpoint, plan, heads)
    if not keep:
        export(checkpoint)


if __name__ == "__main__":
    main()
