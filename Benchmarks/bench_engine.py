"""Time one denoising step of the engine against PyTorch and ONNX Runtime.

    python Benchmarks/bench_engine.py [--program .build/release/bench-engine] [--json] [--threads N] [--rounds N]

Every contender is a process of its own with the same weights, inputs and threads; they take turns, one step each, and
the least time of all rounds counts: seconds of the clock, and of CPU, which bears other load on the machine. Ratios
are a peer's time over the engine's, by CPU time where one thread is used and by the clock otherwise. GFLOP are counted
as direct convolution. Memory is the most that was resident up to and including 256² batch 1.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

import contenders

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "training"))
MAIN = (256, 1)
CASES = [MAIN, (128, 1), (64, 1), (64, 4), (128, 4), (256, 4)]
TORCH = ["torch-fp32", "torch-fp32-last", "torch-bf16", "torch-bf16-last"]
COMPILED = "torch-compile"


def gflop(config: dict, window: int, batch: int) -> float:
    """Two operations for every weight of a convolution and pixel, and attention's products."""
    total = 0
    widths, side = config["widths"], window // config["unshuffle"]
    pixels = [(side >> level) ** 2 for level in range(len(widths))]

    def residual(inputs, outputs):
        return 9 * (inputs + outputs) * outputs + (inputs * outputs if inputs != outputs else 0)

    def attention(width, level):
        return (4 * width * width + 2 * width * pixels[level]) if config["attention"][level] else 0

    features = config["image_channels"] * config["unshuffle"] ** 2
    total += pixels[0] * 9 * widths[0] * (2 * features + config["encoder"]["channels"])
    for level, width in enumerate(widths):
        for inputs in (width, 2 * width):
            total += config["blocks"][level] * pixels[level] * (residual(inputs, width) + attention(width, level))
        if level > 0:
            total += 9 * widths[level - 1] * width * (pixels[level] + pixels[level - 1])
    total += 2 * pixels[-1] * (residual(widths[-1], widths[-1]) + attention(widths[-1], len(widths) - 1))
    return 2e-9 * total * batch


def run_case(running: list, folder: Path, config: dict, case: tuple, rounds: int) -> dict:
    words = contenders.write_inputs(folder, config, *case)
    outputs = {}
    best = {c.name: {"wall": float("inf"), "cpu": float("inf")} for c in running}
    for contender in running:
        contender.ask("prepare", *words)
        contender.ask("step")
        contender.ask("output", folder / "output.raw")
        outputs[contender.name] = np.fromfile(folder / "output.raw", np.float32).astype(np.float64)
    for _ in range(rounds):
        for contender in running:
            time = contender.ask("step")
            for clock, seconds in best[contender.name].items():
                best[contender.name][clock] = min(seconds, time[clock])
    reference = outputs["torch-fp32"]
    for name, output in outputs.items():
        best[name]["difference"] = float(np.linalg.norm(output - reference) / np.linalg.norm(reference))
    return best


def bench(model: Path, program, arguments, folder: Path) -> dict:
    from tessera_train import modelfile

    config = modelfile.read_metadata(model)
    threads = arguments.threads
    kernels = contenders.kernels(program, model)
    running = [contenders.engine(program, model, kernel, threads) for kernel in kernels["fp32"][:2] + kernels["bf16"]]
    running += [contenders.peer(kind, model, threads) for kind in TORCH + ["onnx"]]
    compiled = [] if arguments.no_compile else [contenders.peer(COMPILED, model, threads)]
    results, memory = {}, {}
    for case in CASES if not arguments.main_only else [MAIN]:
        # Compiling takes minutes a shape, so the compiled network takes part in the main case alone.
        taking_part = running + (compiled if case == MAIN else [])
        results[case] = run_case(taking_part, folder, config, case, arguments.rounds)
        if case == MAIN:
            memory = {c.name: c.ask("memory")["peak"] for c in taking_part}
            for contender in compiled:
                contender.close()
    for contender in running:
        contender.close()
    fp32, bf16 = f"tessera {kernels['fp32'][0]}", f"tessera {(kernels['bf16'] or kernels['fp32'])[0]}"
    clock = "cpu" if threads == 1 else "wall"
    main = {name: time[clock] for name, time in results[MAIN].items()}

    def ratio(names, ours):
        return round(min(main[name] for name in names if name in main) / main[ours], 3)

    return {
        "model": config["name"], "clock": clock, "engine": {"fp32": fp32, "bf16": bf16},
        "gflop": round(gflop(config, *MAIN), 2), "parameters": parameters(model),
        "ratio_fp32": ratio(["torch-fp32", "torch-fp32-last", COMPILED], fp32),
        "ratio_bf16": ratio(["torch-bf16", "torch-bf16-last"], bf16), "ratio_ort": ratio(["onnx"], fp32),
        "cases": [
            {"window": window, "batch": batch, "contender": name, **time,
             "gflop_per_s": round(gflop(config, window, batch) / time[clock], 1)}
            for (window, batch), times in results.items() for name, time in times.items()
        ],
        "peak_memory": memory,
    }


def parameters(model: Path) -> int:
    from tessera_train import modelfile

    return sum(p.numel() for p in modelfile.read(model)[0].parameters())


def table(result: dict):
    print(f"\n{result['model']}: {result['parameters'] / 1e6:.1f} M parameters, {result['gflop']} GFLOP a step at 256²")
    print(f"  {'window':>6} {'batch':>5}  {'contender':<18} {'wall s':>8} {'CPU s':>8} {'GFLOP/s':>8} {'difference':>10}")
    for case in result["cases"]:
        print(
            f"  {case['window']:>6} {case['batch']:>5}  {case['contender']:<18} {case['wall']:>8.4f} {case['cpu']:>8.4f}"
            f" {case['gflop_per_s']:>8.0f} {case['difference']:>10.1e}")
    print("  peak memory, MB: " + ", ".join(f"{k} {v / 1e6:.0f}" for k, v in result["peak_memory"].items()))
    print(f"  256², batch 1, by {result['clock']} time: best PyTorch fp32 / engine {result['ratio_fp32']:.2f}, "
          f"best PyTorch bf16 / engine bf16 {result['ratio_bf16']:.2f}, ONNX Runtime / engine {result['ratio_ort']:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / ".build/release/bench-engine", type=Path)
    parser.add_argument("--threads", default=len(os.sched_getaffinity(0)), type=int)
    parser.add_argument("--rounds", default=7, type=int)
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--main-only", action="store_true", help="only 256², batch 1")
    parser.add_argument("--only", metavar="NAME", help="only this model: tiny or bench-25m")
    parser.add_argument("--no-compile", action="store_true", help="leave out torch.compile")
    arguments = parser.parse_args()
    from tessera_train import export

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large = folder / "bench-25m.safetensors"
        export.export_random(json.loads((ROOT / "Benchmarks/bench-25m.json").read_text()), 1, large)
        results = []
        for model in (ROOT / "models/tiny.safetensors", large):
            if arguments.only not in (None, model.stem):
                continue
            results.append(bench(model, arguments.program, arguments, folder))
            if not arguments.json:
                table(results[-1])
    if arguments.json:
        keys = ("ratio_fp32", "ratio_bf16", "ratio_ort")
        worst = {key: min(result[key] for result in results) for key in keys}
        nets = {f"{key}_{result['model'].replace('-', '_')}": result[key] for result in results for key in keys}
        print(json.dumps({**worst, **nets, "threads": arguments.threads, "models": results}))


if __name__ == "__main__":
    main()
