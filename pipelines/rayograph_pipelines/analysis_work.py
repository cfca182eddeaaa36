"""Working out one analysis: from the table through ``rayograph.analysis`` to a stored result."""

from __future__ import annotations

import time
from dataclasses import replace

from rayograph import __version__
from rayograph.analysis.asked import (
    ClustersAsked,
    DuplicatesAsked,
    LabelsAsked,
    MapAsked,
    OutliersAsked,
    SampleAsked,
)
from rayograph.catalog.analyses import Wanted
from rayograph_pipelines.analysis_bench import Bench
from rayograph_pipelines.analysis_duplicates import duplicates
from rayograph_pipelines.analysis_labels import labelled
from rayograph_pipelines.analysis_vectors import clustered, mapped, outliers, sampled


def work(bench: Bench, wanted: Wanted) -> None:
    """Work it out and store it.

    Raises:
        NotReady: there is nothing to work with.
        RayographError: what else its dataset or its parameters make impossible.
    """
    row = bench.catalog.dataset(wanted.dataset_id)
    began = time.monotonic()
    match wanted.asked:
        case DuplicatesAsked() as asked:
            rows, about = duplicates(bench, row, asked)
        case OutliersAsked() as asked:
            rows, about = outliers(bench, row, asked)
        case SampleAsked() as asked:
            rows, about = sampled(bench, row, asked)
        case ClustersAsked():
            rows, about = clustered(bench, row, wanted)
        case MapAsked():
            rows, about = mapped(bench, row, wanted)
        case LabelsAsked():
            rows, about = labelled(bench, row, wanted)
    bench.tell("writing", None, None)
    took_s = round(time.monotonic() - began, 2)
    about = replace(about, took_s=took_s, code_version=__version__)
    bench.analyses.write(wanted, rows, about)
    result = bench.analyses.result(wanted.dataset_id, wanted.asked)
    if result is not None:
        bench.catalog.discoveries(wanted.dataset_id).note(wanted.asked, result)
    if isinstance(wanted.asked, DuplicatesAsked):
        # Contents are known now that were not before.
        bench.catalog.hider(wanted.dataset_id).settle()
