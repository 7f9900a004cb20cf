import json

import pytest
import torch
from conftest import config

from tessera_train import export, modelfile, stages, trainer


@pytest.fixture
def plan(recipe, tmp_path):
    (tmp_path / "network.json").write_text(json.dumps(config("test-attention")))
    recipe["batches"] = [{"size": 32, "count": 2, "share": 1}]
    for number in (1, 2):
        (tmp_path / f"recipe-{number}.json").write_text(json.dumps({**recipe, "seed": number}))
    content = {
        "name": "small", "config": "network.json", "defaults": {"sampler": "ddim", "steps": 8, "degradation": 0.1},
        "stages": [{"recipe": "recipe-1.json", "steps": 4, "stop": 2}, {"recipe": "recipe-2.json", "steps": 3}],
    }
    (tmp_path / "plan.json").write_text(json.dumps(content))
    return tmp_path / "plan.json"


@pytest.fixture
def train(imagery, plan, tmp_path):
    def run(out, *more):
        stages.main(["--stages", str(plan), "--data", str(imagery[0]), "--sources", str(imagery[1]), "--out",
                     str(tmp_path / out), "--workers", "0", "--threads", "1", *more])
        return tmp_path / out

    return run


def test_interrupted_stages_end_in_the_same_file(train):
    whole = train("whole") / "small.safetensors"
    for stop in ("1", "2"):  # in the first stage, then in the second
        with pytest.raises(SystemExit) as interrupted:
            train("parts", "--stop", stop)
        assert interrupted.value.code == 3
    parts = train("parts") / "small.safetensors"
    assert parts.read_bytes() == whole.read_bytes()
    before = parts.stat().st_mtime_ns
    train("parts")
    assert parts.read_bytes() == whole.read_bytes() and parts.stat().st_mtime_ns >= before


def test_another_recipe_is_not_taken_for_a_finished_stage(train, plan):
    train("run")
    path = plan.parent / "recipe-1.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "clip": 2.0}))
    with pytest.raises(SystemExit, match="another recipe"):
        train("run")


def test_the_file_names_every_stage(train, imagery, tmp_path):
    out = train("run")
    metadata = modelfile.read_metadata(out / "small.safetensors")
    assert [stage["steps"] for stage in metadata["stages"]] == [2, 3]
    assert metadata["stages"][0]["recipe_digest"] != metadata["stages"][1]["recipe_digest"]
    assert {tuple(stage["code_digests"]) for stage in metadata["stages"]} == {(trainer.code_digest(),)}
    assert metadata["defaults"] == {"sampler": "ddim", "steps": 8, "degradation": 0.1}
    first = torch.load(out / "stage-1" / "checkpoint.pt", weights_only=True)
    second = torch.load(out / "stage-2" / "checkpoint.pt", weights_only=True)
    assert second["stages"][0] == first["stages"][0]


def test_an_old_checkpoint_is_told_its_stages(train, imagery, tmp_path):
    out = train("run")
    state = torch.load(out / "stage-2" / "checkpoint.pt", weights_only=True)
    del state["stages"]
    old = tmp_path / "old.pt"
    torch.save(state, old)
    command = [str(old), str(tmp_path / "old.safetensors"), "--sources", str(imagery[1])]
    with pytest.raises(SystemExit, match="give --data"):
        export.main(command)
    command += ["--data", str(imagery[0])]
    with pytest.raises(SystemExit, match="RECIPE.json:STEPS"):
        export.main([*command, "--stage", "recipe"])
    told = [*command, "--stage", f"{tmp_path / 'recipe-1.json'}:2"]
    export.main(told)
    old_file, new_file = (modelfile.read_metadata(p) for p in (tmp_path / "old.safetensors", out / "small.safetensors"))
    assert all(old_file[key] == new_file[key] for key in ("recipe_digest", "stages", "training_data", "resolutions"))
    with pytest.raises(SystemExit, match="leave out --stage"):
        export.main([str(out / "stage-2" / "checkpoint.pt"), *told[1:]])
    digests = {modelfile.read_metadata(tmp_path / "old.safetensors")["recipe_digest"]}
    export.main([*command, "--stage", f"{tmp_path / 'recipe-1.json'}:9"])
    digests.add(modelfile.read_metadata(tmp_path / "old.safetensors")["recipe_digest"])
    assert len(digests) == 2
