"""Keep the numbers of all experiments in one file, and fill the tables of a page from it.

A page marks its tables: `<!-- table NAME -->`, any lines, `<!-- end -->`.
"""

import json
import re
import shutil
from pathlib import Path


def collect(folder: Path, numbers: Path, pictures: Path):
    """Merge DIR/NAME.json into one file and copy the pictures."""
    results = json.loads(numbers.read_text()) if numbers.exists() else {}
    for path in sorted(folder.glob("*.json")):
        results[path.stem] = json.loads(path.read_text())
    numbers.write_text(dumps(results) + "\n")
    for path in sorted(folder.glob("results-*")):
        shutil.copyfile(path, pictures / path.name)


def dumps(results) -> str:
    """JSON with one line for every innermost object or list, so that it can be read and compared."""
    text = json.dumps(results, indent=1, ensure_ascii=False, sort_keys=True)
    inner = re.compile(r"[\[{][^\[\]{}]*[\]}]")
    text = inner.sub(lambda m: " ".join(m.group().split()), text)
    return re.sub(r"\{[^{}]*\}", lambda m: " ".join(m.group().split()) if len(m.group()) < 400 else m.group(), text)


def number(f: dict | None, digits: int = 2, sign: bool = False) -> str:
    """`0.92 (0.85–1.01)`."""
    if f is None:
        return "–"
    form = f"{'+' if sign else ''}.{digits}f"
    low, high = f["interval"]
    return f"{f['value']:{form}} ({low:{form}} … {high:{form}})"


def table(heads, rows) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(str(c) for c in row) + " |" for row in rows])


def octaves_all(r):
    r = r["octaves"]
    rows = [[name, number(f["frechet"], 1), number(f.get("of bicubic")), number(f["high_band"]),
             f"{f['deviation']['value']:.2f}", number(f["rmse"], 1), number(f["drift"], 1, True),
             f"{f['psnr']['value']:.1f}", f"{f['ssim']['value']:.2f}", f"{f['perceptual']['value']:.2f}"]
            for name, f in r["all"].items()]
    return table(["", "Fréchet", "÷ bicubic's", "high band ÷ real", "curve", "RMSE to condition", "drift", "PSNR",
                  "SSIM", "perceptual"], rows)


def octaves_each(r):
    r = r["octaves"]
    names = list(next(iter(r["octaves"].values())))
    rows = []
    for metres, found in sorted(r["octaves"].items(), key=lambda item: float(item[0])):
        row = [f"{float(metres):g}"]
        for name in names:
            f = found[name]
            row += [f"{f['frechet']['value']:.0f}", number(f["high_band"])]
        rows.append(row)
    return table(["m", *(head for name in names for head in (f"{name}: Fréchet", "high band"))], rows)


def calls(r):
    r = r["calls"]
    rows = [[f"`{name}`", number(f["error"]), number(f["frechet"], 1), number(f["high_band"]),
             f"{f['deviation']['value']:.2f}", number(f["rmse"], 1)] for name, f in r["runs"].items()]
    heads = ["sampler", f"RMSE to `{r['reference']}`", "Fréchet", "high band ÷ real", "curve", "RMSE to condition"]
    return table(heads, rows)


def seam_rows(rows):
    return table(
        ["", "parallel-line ratio", "null", "overlap RMSE", "periodic energy", "repetition"],
        [[name, number(f["ratio"], 3), number(f["null"], 3), number(f.get("overlap"), 1), number(f.get("periodic"), 1),
          number(f["repetition"], 3, True)] for name, f in rows.items()])


def calls_mosaics(r):
    return seam_rows({f"`{k}`": v for k, v in r["calls"]["mosaics"].items()})


def noise(r):
    return seam_rows(r["noise"]["rows"])


def margins(r):
    rows = []
    for name, f in r["margins"]["rows"].items():
        core, margin = name.split()
        rows.append([core, margin, number(f["ratio"], 3), number(f["null"], 3), number(f.get("overlap"), 1),
                     f"{f['pixels per pixel']:.2f}", f"{f['seconds per megapixel']:.0f}"])
    return table(["core", "margin", "parallel-line ratio", "null", "overlap RMSE", "pixels computed per pixel",
                  "seconds per megapixel"], rows)


def strengths(r):
    r = r["strengths"]
    names = list(r["levels"][0])
    rows = []
    for level, f in enumerate(r["levels"], 1):
        row = [level]
        for name in names:
            shown = [f[name][key]["value"] for key in ("distance", "frechet", "rmse")]
            text = f"{shown[0]:.2f}, {shown[1]:.0f}, {shown[2]:.1f}"
            row.append(f"**{text}**" if float(name) == r["chosen"][level - 1] else text)
        rows.append(row)
    return table(["level"] + [f"u = {n}" for n in names], rows)


def levels(r):
    r = r["levels"]
    rows = []
    for name, found in [("bicubic of the level above", r["bicubic"])] + list(r["plans"].items()):
        for level, f in enumerate(found, 1):
            rows.append([name if level == 1 else "", level, number(f["distance"]), number(f["slope"], 2, True),
                         number(f["energy"]), f"{f['detail']['value']:.1f} / {f['real detail']:.1f}",
                         number(f["frechet"], 0), number(f["rmse"], 1), number(f["drift"], 1, True),
                         f"{f['drift size']['value']:.1f}"])
    return table(["strengths", "level", "curve", "slope", "high band ÷ real", "detail / real's", "Fréchet",
                  "RMSE to condition", "drift", "mean |drift|"], rows)


def cascade(r):
    rows = [[name, number(f["slope"], 2, True), number(f["high_band"]), number(f["frechet"], 0)]
            for name, f in r["cascade"]["rows"].items()]
    return table(["", "slope − real's", "high band ÷ real", "Fréchet"], rows)


def guidance(r):
    rows = [[name, number(f["octave"], 2, True), number(f["octave error"]), number(f["frechet"], 1),
             number(f["high_band"]), f"{f['deviation']['value']:.2f}", f"{f['perceptual']['value']:.2f}"]
            for name, f in r["guidance"]["rows"].items()]
    return table(["resolution told", "octave seen − real crop's", "size of that", "Fréchet", "high band ÷ real",
                  "curve", "perceptual"], rows)


def degradation(r):
    rows = []
    for name, found in r["degradation"]["rows"].items():
        for level, f in enumerate(found, 1):
            rows.append([name if level == 1 else "", level, number(f["distance"]), number(f["energy"]),
                         number(f["frechet"], 0), number(f["rmse"], 1)])
    return table(["trained on", "level", "curve", "high band ÷ real", "Fréchet", "RMSE to condition"], rows)


def downstream(r):
    r = r["downstream"]
    rows = [[name, number(r[name]), ", ".join(f"{v:.2f}" for v in r["scores"][name])] for name in r["scores"]]
    rows.append(["gain by adding generated", number(r["gain"], 2, True), ""])
    return table(["trained on", "accuracy", "by seed"], rows)


TABLES = {"octaves": octaves_all, "octaves-each": octaves_each, "calls": calls, "calls-mosaics": calls_mosaics,
          "noise": noise, "margins": margins, "strengths": strengths, "levels": levels, "cascade": cascade,
          "guidance": guidance, "degradation": degradation, "downstream": downstream}


def fill(numbers: Path, page: Path):
    """Replace the tables of a page; a name that is no table, or a mark without end, is an error."""
    results = json.loads(Path(numbers).read_text())
    text = Path(page).read_text()
    marks = re.findall(r"<!-- table (\S+) -->", text)
    if unknown := set(marks) - set(TABLES):
        raise ValueError(f"{page}: no table {', '.join(sorted(unknown))}; there are {', '.join(TABLES)}")
    pattern = re.compile(r"(<!-- table (\S+) -->\n).*?(<!-- end -->)", re.S)
    if len(pattern.findall(text)) != len(marks):
        raise ValueError(f"{page}: a table has no <!-- end -->")

    def filled(match):
        experiment = match[2].split("-")[0]
        known = experiment in results
        return f"{match[1]}{TABLES[match[2]](results) if known else f'Not measured (`--only {experiment}`).'}\n{match[3]}"

    Path(page).write_text(pattern.sub(filled, text))
