"""Runs as TOML: what is there, and one clear error for what is not."""

import dataclasses
from pathlib import Path

import pytest

from colorlib.files import ConfigError, data_dir
from colorlib.model import AS_RELEASED, ColViT
from colorlib.training.config import RunConfig, from_dict, load_config


def written(folder: Path, text: str) -> Path:
    path = folder / "trial.toml"
    path.write_text(text, encoding="utf-8")
    return path


def shipped() -> list[Path]:
    return sorted((data_dir() / "configs").glob("*.toml"))


@pytest.mark.parametrize("path", shipped(), ids=lambda path: path.stem)
def test_shipped_configs(path: Path) -> None:
    config = load_config(path)
    assert config.name == path.stem
    ColViT(**{**config.to_dict()["model"], "depth": 1})
    assert config.about


def test_there_are_shipped_configs() -> None:
    assert {"icolorit-t", "acolvit-t-0.5"} <= {path.stem for path in shipped()}


def test_the_papers_settings() -> None:
    """25 epochs of ImageNet's 1,281,167 photos, to a batch; three of warm-up."""
    dense, gated = (
        load_config(data_dir() / "configs" / f"paper-{name}.toml")
        for name in ("icolorit-t", "acolvit-t-0.5")
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
    config = load_config(data_dir() / "configs" / f"{name}.toml")
    gates = config.gates
    assert (gates.budget, gates.weight, gates.start) == (budget, 1, "random")
    assert (gates.reading, gates.temperature) == ("joint", 5)
    assert (gates.noise_full_until, gates.noise_gone_at) == (1, 1)
    assert config.optim.lr == 5e-4
    assert config.to_dict()["model"].items() >= AS_RELEASED.items()


def test_defaults_are_icolorits(tmp_path: Path) -> None:
    """As published: AdamW 5e-4 to 1e-5, betas .9 .95, decay .05; crops .08 to 1; 128 hints."""
    config = load_config(written(tmp_path, ""))
    assert config == RunConfig("trial")
    optim, data = config.optim, config.data
    assert (optim.lr, optim.min_lr, optim.betas, optim.weight_decay) == (
        5e-4,
        1e-5,
        [0.9, 0.95],
        0.05,
    )
    assert (data.crop_scale, data.max_hints, data.hint_size, data.flip) == (
        [0.08, 1],
        128,
        2,
        False,
    )
    assert config.model.policy is False


def test_model_section_is_the_networks_arguments() -> None:
    """Names and, but for the gates that a run must ask for, defaults."""
    ours = dataclasses.asdict(RunConfig("x").model)
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
    budget = 1
    reading = "image"
    """
    config = load_config(written(tmp_path, text))
    assert (config.name, config.seed, config.data.photos) == ("other", 3, ["a", "b.tar"])
    assert config.data.crop_scale == [0.5, 1.0]
    # A whole number is a fine float, and becomes one.
    assert isinstance(config.optim.lr, float)
    assert isinstance(config.data.crop_scale[1], float)
    assert from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = 1", "unknown key 'steps'; there are: about, data, gates,"),
        ("[optim]\nlearning_rate = 1", r"unknown key 'optim\.learning_rate'; there are: .*lr,"),
        ("[optimizer]\nlr = 1", "unknown key 'optimizer'"),
        ("[optim]\nsteps = 1.5", r"optim\.steps is 1\.5; it must be of type int"),
        ("[optim]\nsteps = true", r"optim\.steps is True; it must be of type int"),
        ("[optim]\nlr = '5e-4'", r"optim\.lr is '5e-4'; it must be of type float"),
        ("[data]\nflip = 1", r"data\.flip is 1; it must be of type bool"),
        ("[data]\nphotos = 'a'", r"data\.photos is 'a'; it must be a list"),
        ("[data]\nphotos = [1]", r"data\.photos is 1; it must be of type str"),
        ("[data]\nhint_method = 'zhang'", r"data\.hint_method is 'zhang'.*'uniform', 'gaussian'"),
        (
            "[model]\ndecision_input = []",
            r"model\.decision_input is \[\].*'policy', 'policy\+mean'",
        ),
        ("data = 3", r"data must be a table \[data\], not 3"),
        ("seed = 1\nseed = 2", "cannot be read as TOML"),
        ("[optim", "cannot be read as TOML"),
        ("name = 3", "name is 3; it must be of type str"),
    ],
)
def test_keys_and_types_that_cannot_be(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"trial\.toml.*{message}") as caught:
        load_config(written(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("", "name", ""),
        ("", "name", "a/b"),
        ("", "name", ".."),
        ("", "seed", -1),
        ("data", "validation_count", 0),
        ("data", "crop_scale", [0.5]),
        ("data", "crop_scale", [0.9, 0.1]),
        ("data", "crop_scale", [0.0, 1.0]),
        ("data", "crop_scale", [0.5, 1.5]),
        ("data", "hint_size", 0),
        ("data", "hint_size", 3),
        ("data", "max_hints", -1),
        ("data", "max_hints", 112 * 112 + 1),
        ("data", "workers", -1),
        ("data", "short_side", -1),
        ("optim", "steps", 0),
        ("optim", "batch_size", 0),
        ("optim", "lr", 0.0),
        ("optim", "lr", float("nan")),
        ("optim", "lr", float("inf")),
        ("optim", "min_lr", 1.0),
        ("optim", "warmup_steps", -1),
        ("optim", "weight_decay", -0.1),
        ("optim", "betas", [0.9]),
        ("optim", "betas", [0.9, 1.0]),
        ("optim", "clip", -1.0),
        ("optim", "ema", 1.0),
        ("gates", "budget", 1.1),
        ("gates", "weight", -1.0),
        ("gates", "temperature", 0.0),
        ("gates", "noise_gone_at", 1.5),
        ("log", "log_every", 0),
        ("log", "validate_every", 75),
        ("log", "save_every", 0),
    ],
)
def test_values_out_of_range(section: str, key: str, value: object) -> None:
    full = f"{section}.{key}".lstrip(".")
    change = {section: {key: value}} if section else {key: value}
    with pytest.raises(ConfigError, match=rf"^run '.*': {full} is out of range: ") as caught:
        RunConfig("x").replace(**change)
    assert repr(value) in str(caught.value)


def test_noise_cannot_be_gone_before_it_fades() -> None:
    with pytest.raises(ConfigError, match=r"gates\.noise_gone_at is out of range: 0\.3"):
        RunConfig("x").replace(gates={"noise_full_until": 0.5, "noise_gone_at": 0.3})


def test_an_error_in_a_file_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"trial\.toml: run 'trial': optim\.steps is out of"):
        load_config(written(tmp_path, "[optim]\nsteps = 0"))
    with pytest.raises(ConfigError, match=r"no\.toml cannot be read as TOML"):
        load_config(tmp_path / "no.toml")
    latin = tmp_path / "latin.toml"
    latin.write_bytes("about = 'größer'".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin\.toml cannot be read as TOML"):
        load_config(latin)


def test_a_run_without_a_name() -> None:
    with pytest.raises(ConfigError, match=r"missing.*name"):
        from_dict({"seed": 1})


def test_replace_leaves_the_rest_and_the_original() -> None:
    config = RunConfig("x").replace(optim={"steps": 10, "lr": 0.1})
    changed = config.replace(optim={"steps": 20}, seed=4, name="y")
    assert (changed.optim.steps, changed.optim.lr, changed.seed, changed.name) == (20, 0.1, 4, "y")
    assert (config.optim.steps, config.seed, config.name) == (10, 0, "x")
    changed.data.photos.append("more")
    assert config.data.photos == []


def test_replace_refuses_what_a_file_may_not_say() -> None:
    config = RunConfig("x")
    with pytest.raises(ConfigError, match="unknown key 'optimiser'"):
        config.replace(optimiser={"steps": 1})
    with pytest.raises(ConfigError, match=r"unknown key 'optim\.step'"):
        config.replace(optim={"step": 1})
    with pytest.raises(ConfigError, match=r"seed is .*; it must be of type int"):
        config.replace(seed={"a": 1})
    with pytest.raises(ConfigError, match=r"optim must be a table \[optim\], not 3"):
        config.replace(optim=3)


# One run that extends another


def test_a_run_extends_another(tmp_path: Path) -> None:
    (tmp_path / "first.toml").write_text(
        'name = "one"\nseed = 3\n[optim]\nsteps = 7\nlr = 2e-4\n', encoding="utf-8"
    )
    (tmp_path / "second.toml").write_text(
        'extends = "first.toml"\nabout = "more"\n[optim]\nsteps = 9\n', encoding="utf-8"
    )
    path = written(tmp_path, 'extends = "second.toml"\n[gates]\nbudget = 0.3\n')
    config = load_config(path)
    expected = RunConfig("trial").replace(
        seed=3, about="more", optim={"steps": 9, "lr": 2e-4}, gates={"budget": 0.3}
    )
    assert config == expected
    assert "extends" not in config.to_dict()


def test_a_run_extends_several_of_which_the_later_wins(tmp_path: Path) -> None:
    for name, steps in (("first", 7), ("second", 9)):
        text = f"[optim]\nsteps = {steps}\n[gates]\nbudget = 0.{steps}\n"
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    path = written(tmp_path, 'extends = ["first.toml", "second.toml"]\n[optim]\nlr = 2e-4\n')
    expected = {"optim": {"steps": 9, "lr": 2e-4}, "gates": {"budget": 0.9}}
    assert load_config(path) == RunConfig("trial").replace(**expected)


def test_what_a_run_extends_must_be_there_and_not_itself(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read as TOML"):
        load_config(written(tmp_path, 'extends = "nowhere.toml"'))
    (tmp_path / "other.toml").write_text('extends = "trial.toml"', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"trial\.toml extends itself"):
        load_config(written(tmp_path, 'extends = "other.toml"'))
