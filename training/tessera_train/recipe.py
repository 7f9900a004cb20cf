"""Check a recipe before hours go into it."""

from .model import multiple

NUMBERS = {  # key: (lowest, highest)
    "clean": (0, 1), "dull_deviation": (0, 255), "dull_kept": (0, 1), "p2_gamma": (0, 10), "learning_rate": (0, 1),
    "final_rate": (0, 1), "warmup": (1, 1e9), "weight_decay": (0, 1), "ema": (0, 1), "clip": (0, 1e9),
    "seed": (0, 2**31 - 1), "accumulate": (1, 1e6),
}
CHOICES = {
    "prediction": ("v", "epsilon"), "decay": ("linear", "cosine"), "precision": ("float32", "tf32", "bf16"),
    "streams": ("batch", "crop"),
}
GROUPS = {
    "own": {"share": (0, 1), "reach": (0, 1), "calls": (1, 1000), "smallest": (1, 1e6)},
    "degradation": {"rounds": (0, 1, 2, "mixed"), "kernel": ("area", "bicubic"), "at": ("coarse", "fine"),
                    "blur": None},
}
OPTIONAL = {"accumulate", "streams", "own", "degradation"}
OTHERS = {"batches", "octave_weights", "places", "betas"}


def validate(recipe: dict, config: dict):
    """Raise ValueError, naming the key, where a recipe is incomplete, unknown or does not fit the network."""
    known = set(NUMBERS) | set(CHOICES) | set(GROUPS) | OTHERS
    if unknown := set(recipe) - known:
        raise ValueError(f"recipe: unknown key {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}")
    if missing := known - OPTIONAL - set(recipe):
        raise ValueError(f"recipe: {', '.join(sorted(missing))} missing")
    for key, (low, high) in NUMBERS.items():
        if key in recipe:
            number("", recipe, key, low, high)
    for key, choices in CHOICES.items():
        if key in recipe:
            choice("", recipe, key, choices)
    betas = recipe["betas"]
    if not (isinstance(betas, list) and len(betas) == 2 and all(0 <= b < 1 for b in betas)):
        raise ValueError(f"recipe: betas = {betas!r}; two numbers in [0, 1) are needed")
    validate_batches(recipe, config)
    if "degradation" in recipe:
        only("degradation", recipe)
        for key, choices in GROUPS["degradation"].items():
            if choices and key in recipe["degradation"]:
                choice("degradation.", recipe["degradation"], key, choices)
        blur = recipe["degradation"].get("blur", [0, 1])
        if not (isinstance(blur, list) and len(blur) == 2 and 0 <= blur[0] <= blur[1] <= 1):
            raise ValueError(f"recipe: degradation.blur = {blur!r}; two rising numbers in [0, 1] are needed")
    if "own" in recipe:
        only("own", recipe)
        for key, (low, high) in GROUPS["own"].items():
            if key not in recipe["own"]:
                raise ValueError(f"recipe: own.{key} missing")
            number("own.", recipe["own"], key, low, high)


def validate_batches(recipe: dict, config: dict):
    if not recipe["octave_weights"] or not all(w > 0 for w in recipe["octave_weights"].values()):
        raise ValueError("recipe: octave_weights needs at least one octave, and weights above 0")
    if not recipe["batches"]:
        raise ValueError("recipe: batches is empty; give at least one {size, count, share}")
    step, own = multiple(config), recipe.get("own")
    for batch in recipe["batches"]:
        if set(batch) != {"size", "count", "share"}:
            raise ValueError(f"recipe: batches has {sorted(batch)}; size, count and share are needed")
        if batch["size"] % step or batch["size"] < step:
            raise ValueError(f"recipe: crops of {batch['size']} pixels; this network takes multiples of {step}")
        coarse = batch["size"] // config["factor"]
        if own and coarse >= own.get("smallest", 1) and coarse % step:
            raise ValueError(
                f"recipe: own.smallest = {own['smallest']} lets the network see conditions of {coarse} pixels; "
                f"it takes multiples of {step}"
            )
        if batch["count"] < 1 or batch["count"] % recipe.get("accumulate", 1):
            raise ValueError(f"recipe: {batch['count']} crops do not divide into {recipe['accumulate']} parts")


def number(prefix: str, values: dict, key: str, low, high):
    value = values[key]
    whole = key in ("warmup", "seed", "accumulate", "calls", "smallest")
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise ValueError(f"recipe: {prefix}{key} = {value!r}; {kind} from {low:g} to {high:g} is needed")


def choice(prefix: str, values: dict, key: str, choices):
    if isinstance(values[key], bool) or values[key] not in choices:
        raise ValueError(f"recipe: {prefix}{key} = {values[key]!r}; use one of {', '.join(map(str, choices))}")


def only(group: str, recipe: dict):
    if unknown := set(recipe[group]) - set(GROUPS[group]):
        raise ValueError(f"recipe: unknown key {group}.{', '.join(sorted(unknown))}")
