"""Runs as TOML: what is there, and one clear error for what is not."""

import re
from pathlib import Path

import pytest

from colorlib.files import ColorlibError, data_dir
from colorlib.model import AS_RELEASED, ColViT
from colorlib.train import RunConfig, from_dict, load_config

CONFIGS = data_dir() / "configs"


def written(folder: Path, text: str) -> Path:
    path = folder / "trial.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_configs(path: Path) -> None:
    config = load_config(path)
    assert config.name == path.stem
    ColViT(**{**config.model.model_dump(), "depth": 1})
    assert config.about


def test_the_papers_settings() -> None:
    """25 epochs of ImageNet's 1,281,167 photos, to a batch; three of warm-up."""
    dense, gated = (
        load_config(CONFIGS / f"paper-{name}.toml") for name in ("icolorit-t", "acolvit-t-0.5")
    )
    for config in (dense, gated):
        optim = config.optim
        assert (optim.batch_size, optim.lr, optim.min_lr) == (256, 5e-4, 1e-5)
        assert (optim.weight_decay, optim.betas) == (0.05, [0.9, 0.95])
        assert 0 <= optim.steps * 256 - 25 * 1_281_167 < 256
        assert 0 <= optim.warmup_steps * 256 - 3 * 1_281_167 < 256
        assert (config.data.flip, config.data.crop_scale) == (False, [0.08, 1])
    assert not dense.model.policy


@pytest.mark.parametrize(
    ("name", "budget"),
    [
        ("paper-acolvit-t-0.5", 0.5),
        ("acolvit-t-0.5-released", 0.5),
        ("acolvit-t-0.3-released", 0.3),
    ],
)
def test_as_released(name: str, budget: float) -> None:
    config = load_config(CONFIGS / f"{name}.toml")
    gates = config.gates
    assert (gates.budget, gates.weight, gates.start) == (budget, 1, "random")
    assert (gates.reading, gates.temperature) == ("joint", 5)
    assert (gates.noise_full_until, gates.noise_gone_at) == (1, 1)
    assert config.optim.lr == 5e-4
    assert config.model.model_dump().items() >= AS_RELEASED.items()


def test_defaults_are_icolorits(tmp_path: Path) -> None:
    """As published: AdamW 5e-4 to 1e-5, betas .9 .95, decay .05; crops .08 to 1; 128 hints."""
    config = load_config(written(tmp_path, ""))
    assert config == RunConfig(name="trial")
    optim, data = config.optim, config.data
    assert (optim.lr, optim.min_lr, optim.weight_decay) == (5e-4, 1e-5, 0.05)
    assert optim.betas == [0.9, 0.95]
    assert (data.crop_scale, data.max_hints, data.hint_size) == ([0.08, 1], 128, 2)
    assert not data.flip
    assert not config.model.policy


def test_model_section_is_the_networks_arguments() -> None:
    """Names and, but for the gates that a run must ask for, defaults."""
    ours = RunConfig(name="x").model.model_dump()
    assert ColViT(**ours).config == {**ColViT().config, "policy": False}


def test_everything_can_be_said(tmp_path: Path) -> None:
    text = """
    name = "other"
    seed = 3
    [data]
    photos = ["a", "b.tar"]
    crop_scale = [0.5, 1]
    hint_method = "gaussian"
    [model]
    policy = true
    [optim]
    lr = 1
    [gates]
    reading = "image"
    """
    config = load_config(written(tmp_path, text))
    assert (config.name, config.seed, config.data.photos) == ("other", 3, ["a", "b.tar"])
    # A whole number is a fine float, and becomes one.
    assert isinstance(config.optim.lr, float)
    assert isinstance(config.data.crop_scale[1], float)
    assert from_dict(config.model_dump()) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = 1", "unknown key 'steps'; there are: name, seed, start, about, data,"),
        (
            "[optim]\nlearning_rate = 1",
            "unknown key 'optim.learning_rate'; there are: kind,",
        ),
        ("[optim]\nsteps = 1.5", "optim.steps is 1.5: Input should be a valid integer"),
        ("[optim]\nlr = '5e-4'", "optim.lr is '5e-4': Input should be a valid number"),
        ("[data]\nphotos = [1]", "data.photos.0 is 1: Input should be a valid string"),
        (
            "[data]\nhint_method = 'x'",
            "is 'x': Input should be 'uniform' or 'gaussian'",
        ),
        ("data = 3", "data is 3: Input should be a valid dictionary"),
        ("seed = 1\nseed = 2", "cannot be read as TOML"),
        ("name = '..'", "name is '..': String should match pattern"),
        ("[data]\ncrop_scale = [0.9, 0.1]", "data.crop_scale must be two shares, rising"),
        ("[data]\nhint_size = 3", "data.hint_size must divide model.img_size"),
        ("[data]\nmax_hints = 12545", "data.max_hints must fit in model.img_size"),
        (
            "[model]\nimg_size = 16",
            "img_size 16 must be a multiple of patch_size 16, at least twice",
        ),
        ("[model]\nbudget = true", "budget=True needs policy=True"),
        ("[optim]\nlr = nan", "optim.lr is nan: Input should be a finite number"),
        ("[optim]\nmin_lr = 1", "optim.min_lr must be at most optim.lr"),
        ("[optim]\nwarmup_steps = 1001", "optim.warmup_steps + decay_steps must be at most"),
        ("[optim]\nbetas = [0.9, 1]", "optim.betas.1 is 1: Input should be less than 1"),
        ("[gates]\nnoise_gone_at = 0.3", "noise_gone_at must be at least gates.noise_full_until"),
        ("[log]\nvalidate_every = 75", "log.validate_every and save_every must be multiples of"),
        ("[gates]\nstatic = true\n[model]\npolicy = true", "static = true needs model.policy = fa"),
        ("[gates]\nstart = 'importance'", "start = 'importance' needs model.policy = true"),
        ("[gates]\ntarget = 'hardness'", "target = 'hardness' needs model.policy = true"),
        ("[gates]\ntarget = 'hardness'\n[model]\npolicy = true", "needs gates.reading = 'image'"),
    ],
)
def test_what_a_file_may_not_say(tmp_path: Path, text: str, message: str) -> None:
    """One line that names the file and the key."""
    with pytest.raises(ColorlibError, match=rf"trial\.toml.*{re.escape(message)}") as caught:
        load_config(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ColorlibError, match=r"no\.toml cannot be read as TOML"):
        load_config(tmp_path / "no.toml")
    latin = tmp_path / "latin.toml"
    latin.write_bytes("about = 'größer'".encode("latin-1"))
    with pytest.raises(ColorlibError, match=r"latin\.toml cannot be read as TOML"):
        load_config(latin)


def test_replace_leaves_the_rest_and_the_original() -> None:
    config = RunConfig(name="x").replace(optim={"steps": 10, "lr": 0.1})
    changed = config.replace(optim={"steps": 20}, seed=4, name="y")
    assert (changed.optim.steps, changed.optim.lr, changed.seed, changed.name) == (20, 0.1, 4, "y")
    assert (config.optim.steps, config.seed, config.name) == (10, 0, "x")
    changed.data.photos.append("more")
    assert config.data.photos == []
    with pytest.raises(ColorlibError, match=r"run 'x': unknown key 'optim\.step'"):
        config.replace(optim={"step": 1})


# One run that extends another


def test_a_run_extends_another(tmp_path: Path) -> None:
    (tmp_path / "first.toml").write_text(
        'name = "one"\nseed = 3\n[optim]\nsteps = 7\nlr = 2e-4\n', encoding="utf-8"
    )
    (tmp_path / "second.toml").write_text(
        'extends = "first.toml"\nabout = "more"\n[optim]\nsteps = 9\n', encoding="utf-8"
    )
    path = written(tmp_path, 'extends = "second.toml"\n[gates]\nbudget = 0.3\n')
    expected = RunConfig(name="trial").replace(
        seed=3, about="more", optim={"steps": 9, "lr": 2e-4}, gates={"budget": 0.3}
    )
    assert load_config(path) == expected


def test_a_run_extends_several_of_which_the_later_wins(tmp_path: Path) -> None:
    for name, steps in (("first", 7), ("second", 9)):
        text = f"[optim]\nsteps = {steps}\n[gates]\nbudget = 0.{steps}\n"
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    path = written(tmp_path, 'extends = ["first.toml", "second.toml"]\n[optim]\nlr = 2e-4\n')
    expected = {"optim": {"steps": 9, "lr": 2e-4}, "gates": {"budget": 0.9}}
    assert load_config(path) == RunConfig(name="trial").replace(**expected)


def test_what_a_run_extends_must_be_there_and_not_itself(tmp_path: Path) -> None:
    with pytest.raises(ColorlibError, match=r"nowhere\.toml cannot be read as TOML"):
        load_config(written(tmp_path, 'extends = "nowhere.toml"'))
    (tmp_path / "other.toml").write_text('extends = "trial.toml"', encoding="utf-8")
    with pytest.raises(ColorlibError, match=r"trial\.toml extends itself"):
        load_config(written(tmp_path, 'extends = "other.toml"'))
