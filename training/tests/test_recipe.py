import json

import pytest
from conftest import CONFIGS, config

from tessera_train.recipe import validate


@pytest.mark.parametrize("name,network", [
    ("recipe-tiny", "tiny"), ("recipe-tiny-2", "tiny"), ("recipe-metaearth", "metaearth"),
])
def test_the_recipes_fit_their_networks(name, network):
    validate(config(name), config(network))


def test_the_stages_name_recipes_that_exist():
    plan = config("tiny-stages")
    for stage in plan["stages"]:
        recipe, network = (json.loads((CONFIGS / name).read_text()) for name in (stage["recipe"], plan["config"]))
        validate(recipe, network)
        assert stage["steps"] > 0


OWN = {"share": 0.3, "reach": 0.4, "calls": 3, "smallest": 32}


@pytest.mark.parametrize("changes,match", [
    ({"lerning_rate": 1}, "unknown key lerning_rate"), ({"clean": 1.5}, "clean = 1.5; a number from 0 to 1"),
    ({"warmup": 0.5}, "warmup = 0.5; a whole number"), ({"prediction": "x0"}, "use one of v, epsilon"),
    ({"precision": True}, "precision = True"),
    ({"betas": [0.9]}, "two numbers"), ({"octave_weights": {}}, "at least one"),
    ({"batches": []}, "batches is empty"), ({"batches": [{"size": 40, "count": 1, "share": 1}]}, "multiples of 16"),
    ({"batches": [{"size": 64, "count": 1}]}, "size, count and share"),
    ({"accumulate": 3}, "8 crops do not divide into 3"),
    ({"own": {**OWN, "reach": 2}}, "own.reach = 2"), ({"own": {**OWN, "stop": 2}}, "unknown key own.stop"),
    ({"own": {"share": 0.3}}, "own.reach missing"), ({"own": {**OWN, "calls": 0}}, "own.calls"),
    ({"own": {**OWN, "smallest": 8}, "batches": [{"size": 96, "count": 1, "share": 1}]}, "conditions of 24 pixels"),
    ({"degradation": {"rounds": 3}}, "degradation.rounds = 3"), ({"degradation": {"rounds": True}}, "rounds = True"),
    ({"degradation": {"kernel": "lanczos"}}, "area, bicubic"),
    ({"degradation": {"blur": [1.0, 0.5]}}, "two rising numbers"),
    ({"degradation": {"when": 1}}, "unknown key degradation.when"),
])
def test_what_does_not_fit_is_named(changes, match):
    with pytest.raises(ValueError, match=match):
        validate({**config("recipe-tiny"), **changes}, config("tiny"))


def test_a_missing_key_is_named():
    recipe = config("recipe-tiny")
    del recipe["ema"], recipe["clip"]
    with pytest.raises(ValueError, match="clip, ema missing"):
        validate(recipe, config("tiny"))
