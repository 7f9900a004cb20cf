"""Time finished windows: the engine's whole way from condition to pixels against the same trajectory in PyTorch.

    python Benchmarks/bench_window.py [--program …/bench-engine] [--tessera …/tessera] [--json] [--threads N]

1. One window by the model's default sampler: seconds, the share of everything but the network, and the pixels that
   differ from PyTorch's by more than one grey level. The contenders take turns; the least of all rounds counts.
2. Windows a second of one and of two engines in processes of their own, which is what the cores give, and of `tessera
   render` with one and two workers. Needs two cores.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import contenders

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "training"))
MODEL = ROOT / "models/tiny.safetensors"
PEERS = ["torch-fp32", "torch-fp32-last", "torch-bf16-last"]


def condition(config: dict, folder: Path) -> list:
    """A smooth picture with some grain, and the scalars; returns the words of the `window` command."""
    side = config["window"] // config["factor"]
    rng = np.random.Generator(np.random.Philox(key=[5, 0]))
    y, x, channel = np.meshgrid(np.arange(side), np.arange(side), np.arange(3), indexing="ij")
    picture = 110 + 50 * np.sin(x / 9 + channel) * np.cos(y / 7) + 6 * rng.standard_normal((side, side, 3))
    np.clip(picture, 0, 255).astype(np.uint8).tofile(folder / "condition.raw")
    np.float32([6.0, config["defaults"]["degradation"]]).tofile(folder / "constants.raw")
    sampler = f"{config['defaults']['sampler']}:{config['defaults']['steps']}"
    return [folder / "condition.raw", folder / "constants.raw", sampler]


def one_window(program, arguments, config: dict, folder: Path) -> dict:
    kernels = contenders.kernels(program, MODEL)
    threads = arguments.threads
    running = [contenders.engine(program, MODEL, k, threads) for k in kernels["fp32"][:2] + kernels["bf16"]]
    running += [contenders.peer(kind, MODEL, threads) for kind in PEERS]
    words, best, pixels = condition(config, folder), {}, {}
    for _ in range(arguments.rounds):
        for contender in running:
            # The first, an engine, writes the noise that the peers read.
            answer = contender.ask("window", *words, folder / "pixels.raw", folder / "noise.raw")
            entry = best.setdefault(contender.name, {"wall": float("inf"), "cpu": float("inf")})
            if answer["whole"]["cpu"] < entry["cpu"] and "network" in answer:
                entry["around_network"] = 1 - answer["network"]["cpu"] / answer["whole"]["cpu"]
            for clock in ("wall", "cpu"):
                entry[clock] = min(entry[clock], answer["whole"][clock])
            pixels[contender.name] = np.fromfile(folder / "pixels.raw", np.uint8).astype(int)
    for contender in running:
        best[contender.name]["within_one"] = float(
            np.mean(np.abs(pixels[contender.name] - pixels["torch-fp32"]) <= 1))
        contender.close()
    ours = f"tessera {kernels['fp32'][0]}"
    clock = "cpu" if threads == 1 else "wall"
    fp32 = min(best[name][clock] for name in PEERS if "fp32" in name)
    return {
        "sampler": words[2], "clock": clock, "windows": best, "ratio_fp32": round(fp32 / best[ours][clock], 3),
        "seconds": best[ours][clock], "around_network": round(best[ours]["around_network"], 4),
        "within_one": best[ours]["within_one"],
    }


def independent(program, kernel: str, words: list, folder: Path, count: int, windows: int) -> float:
    """Windows a second of several engines that know nothing of each other, one thread each."""
    running = [contenders.engine(program, MODEL, kernel, 1) for _ in range(count)]
    names = [[*words, folder / f"pixels-{i}.raw", folder / f"noise-{i}.raw"] for i in range(count)]
    for contender, name in zip(running, names):
        contender.ask("window", *name)
    start = time.monotonic()
    for _ in range(windows):
        for contender, name in zip(running, names):
            contender.send("window", *name)
        for contender in running:
            contender.read()
    rate = count * windows / (time.monotonic() - start)
    for contender in running:
        contender.close()
    return rate


def rendered(tessera, folder: Path, workers: int, windows: int) -> float:
    """Windows a second of `tessera render`, from a tenth of the job to its end."""
    side = round(windows ** 0.5) * 32
    out = folder / f"mosaic-{workers}"
    command = [
        tessera, "render", "--bbox=6.5,45.0,13.0,48.0", "--levels", "1", "--seed", "7", "--out", out, "--workers",
        workers, "--batch", 2, "--json"]
    events = []
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            event = json.loads(line)
            if event.get("done") is not None:
                events.append((time.monotonic(), event["done"], event.get("planned") or side))
                if event["done"] >= windows and event["done"] < event.get("planned", 0):
                    process.terminate()
    first = next(e for e in events if e[1] >= max(2, windows // 10))
    last = events[-1] if events[-1][1] > first[1] else events[-2]
    return (last[1] - first[1]) / (last[0] - first[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / ".build/release/bench-engine", type=Path)
    parser.add_argument("--tessera", default=ROOT / ".build/release/tessera", type=Path)
    parser.add_argument("--threads", default=1, type=int)
    parser.add_argument("--rounds", default=3, type=int)
    parser.add_argument("--windows", default=40, type=int, help="windows of each throughput measurement")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    arguments = parser.parse_args()
    from tessera_train import modelfile

    config = modelfile.read_metadata(MODEL)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = one_window(arguments.program, arguments, config, folder)
        if len(os.sched_getaffinity(0)) >= 2:
            kernel = contenders.kernels(arguments.program, MODEL)["fp32"][0]
            words = condition(config, folder)
            rates = {
                f"engines_{n}": independent(arguments.program, kernel, words, folder, n, arguments.windows // n)
                for n in (1, 2)
            }
            rates |= {f"workers_{n}": rendered(arguments.tessera, folder, n, arguments.windows) for n in (1, 2)}
            result["windows_per_second"] = {key: round(value, 3) for key, value in rates.items()}
            result["scaling"] = round(
                (rates["workers_2"] / rates["workers_1"]) / (rates["engines_2"] / rates["engines_1"]), 3)
    if arguments.json:
        print(json.dumps(result))
        return
    print(f"one window, {result['sampler']}, {arguments.threads} thread(s):")
    for name, entry in result["windows"].items():
        around = f", {100 * entry['around_network']:.2f} % around the network" if "around_network" in entry else ""
        print(f"  {name:<18} {entry['wall']:8.3f} s, {entry['cpu']:8.3f} CPU s, within one grey level of PyTorch "
              f"{100 * entry['within_one']:.3f} %{around}")
    print(f"  best PyTorch fp32 / engine: {result['ratio_fp32']:.2f}")
    if "scaling" in result:
        print("windows a second:", ", ".join(f"{k} {v}" for k, v in result["windows_per_second"].items()))
        print(f"  workers' scaling relative to the engines': {result['scaling']:.3f}")
    else:
        print("windows a second of two workers: needs two cores, and this process may use one")


if __name__ == "__main__":
    main()
