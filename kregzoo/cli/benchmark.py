"""`kregzoo benchmark`: measure speed and memory."""

import contextlib
import os

from kregzoo.cli.options import positive
from kregzoo.cli.running import new_file, print_rich, start_keras


def add_parser(commands):
    """Add the parser of `kregzoo benchmark`."""
    parser = commands.add_parser(
        "benchmark",
        help="measure speed and memory, compared with Keras, PyTorch and voxelmorph",
        description="Time warps, integration, networks, loading and import, in "
        "alternation with Keras, and with\nPyTorch and voxelmorph if they are "
        'installed (pip install "kregzoo[bench]").\nPrints medians, ratios with their '
        "range, and the peak memory of a first call.",
        epilog="example:\n  kregzoo benchmark --only warp integration -o speed.json",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help="benchmarks to run, such as warp, integration or load (default: all)",
    )
    parser.add_argument(
        "--rounds",
        type=positive,
        default=5,
        metavar="N",
        help="number of rounds (default: %(default)s)",
    )
    parser.add_argument("--gpu", action="store_true", help="run on the accelerator")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="JSON file for the measurements"
    )
    parser.set_defaults(command=run)


def run(options):
    """Run `kregzoo benchmark`."""
    output = new_file(options.output)
    if options.gpu:
        # The backend would reserve the memory that PyTorch needs.
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    # PyTorch's CUDA build imports triton with its first optimizer, and the process dies
    # of a segmentation fault if TensorFlow is there already.
    with contextlib.suppress(ImportError):
        import triton  # noqa: F401
    start_keras()
    from kregzoo.evaluation import benchmark
    from kregzoo.utils.provenance import write_record

    words = ["kregzoo benchmark", f"--rounds {options.rounds}"]
    words += ["--gpu"] * options.gpu
    words += ["--only", *options.only] if options.only else []

    def save(results):
        """Write what has been measured so far, in case a library crashes."""
        if output:
            write_record(output, " ".join(words), benchmarks=results)

    results = benchmark.run_all(
        rounds=options.rounds,
        device="gpu" if options.gpu else "cpu",
        only=options.only,
        on_result=save,
    )
    print_rich(benchmark.table(results))
