"""Runs as TOML: what is there, and one clear error for what is not."""

import re

import pytest

from colorlib.files import ColorlibError, data_dir
from colorlib.model import AS_RELEASED, ColViT
from colorlib.train import RunConfig, from_dict, load_config

CONFIGS = data_dir() / "configs"


def test_the_papers_settings_and_the_defaults():
    """25 epochs of ImageNet's 1,281,167 photos, to a batch; three of warm-up.

    All else are iColoriT's settings, which are the defaults.
    """
    dense, gated = (
        load_config(CONFIGS / f"paper-{name}.toml") for name in ("icolorit-t", "acolvit-t-0.5")
    )
    default = RunConfig(name="default")
    for config in (dense, gated, default):
        optim, data = config.optim, config.data
        assert (optim.lr, optim.min_lr) == (5e-4, 1e-5)
        assert (optim.weight_decay, optim.betas) == (0.05, [0.9, 0.95])
        assert (data.flip, data.crop_scale) == (False, [0.08, 1])
        assert (data.max_hints, data.hint_size) == (128, 2)
    for optim in (dense.optim, gated.optim):
        assert optim.batch_size == 256
        assert 0 <= optim.steps * 256 - 25 * 1_281_167 < 256
        assert 0 <= optim.warmup_steps * 256 - 3 * 1_281_167 < 256
    assert not dense.model.policy
    assert not default.model.policy


@pytest.mark.parametrize(
    "name", ["paper-acolvit-t-0.5", "acolvit-t-0.5-released", "acolvit-t-0.3-released"]
)
def test_as_released(name):
    config = load_config(CONFIGS / f"{name}.toml")
    gates = config.gates
    budget = 0.3 if "0.3" in name else 0.5
    assert (gates.budget, gates.weight, gates.start) == (budget, 1, "random")
    assert (gates.reading, gates.temperature) == ("joint", 5)
    assert (gates.noise_full_until, gates.noise_gone_at) == (1, 1)
    if name.startswith("paper"):  # the others go on from weights of ours, at our rates
        assert config.optim.lr == 5e-4
    assert config.model.model_dump().items() >= AS_RELEASED.items()


def test_model_section_is_the_networks_arguments():
    """Names and, but for the gates that a run must ask for, defaults."""
    ours = RunConfig(name="x").model.model_dump()
    assert ColViT(**ours).config == {**ColViT().config, "policy": False}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps = 1", "unknown key 'steps': colorlib/train.py has all"),
        ("[optim]\nlearning_rate = 1", "unknown key 'optim.learning_rate': "),
        ("[optim]\nlr = '5e-4'", "optim.lr is '5e-4': Input should be a valid number"),
        ("[optim]\nlr = nan", "optim.lr is nan: Input should be a finite number"),
        ("[data]\nphotos = [1]", "data.photos.0 is 1: Input should be a valid string"),
        ("about = 'gr\xf6\xdfer'", "cannot be read as TOML"),  # in Latin-1
        ("extends = 'nowhere.toml'", "nowhere.toml cannot be read as TOML"),
        ("extends = 'trial.toml'", "trial.toml extends itself"),
        ("name = '..'", "name is '..': String should match pattern"),
        ("[data]\ncrop_scale = [0.9, 0.1]", "data.crop_scale must be two shares, rising"),
        ("[data]\nhint_size = 3", "hints of size 3 do not divide a network side of 224"),
        ("[model]\nimg_size = 16", "img_size 16 must be at least twice patch_size 16"),
        ("[optim]\nwarmup_steps = 1001", "optim.warmup_steps + decay_steps must be at most"),
        ("[gates]\nnoise_gone_at = 0.3", "gates.noise_full_until comes first"),
        ("[gates]\nstatic = true\n[model]\npolicy = true", "gates.static needs model.policy = fa"),
        ("[gates]\nstart = 'importance'", "gates.start and gates.target need model.policy = true"),
        ("[gates]\ntarget = 'hardness'\n[model]\npolicy = true", "needs gates.reading = 'image'"),
    ],
)
def test_what_a_file_may_not_say(tmp_path, text, message):
    """One line that names the file and the key."""
    path = tmp_path / "trial.toml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ColorlibError, match=re.escape(message)) as caught:
        load_config(path)
    assert "\n" not in str(caught.value)
    assert re.match(r".*(trial|nowhere)\.toml", str(caught.value))


def test_replace_leaves_the_rest_and_the_original():
    config = RunConfig(name="x").replace(optim={"steps": 10, "lr": 0.1})
    changed = config.replace(optim={"steps": 20}, seed=4, name="y")
    assert (changed.optim.steps, changed.optim.lr, changed.seed, changed.name) == (20, 0.1, 4, "y")
    assert (config.optim.steps, config.seed, config.name) == (10, 0, "x")
    with pytest.raises(ColorlibError, match=r"run 'x': unknown key 'optim\.step'"):
        config.replace(optim={"step": 1})


def test_a_run_extends_others_of_which_the_later_wins(tmp_path):
    """What it says itself wins over what it extends, and names are not handed on."""
    texts = {
        "zeroth": 'name = "one"\nseed = 3\n[optim]\nsteps = 7\nlr = 2e-4\n',
        "first": 'extends = "zeroth.toml"\nabout = "more"\n[optim]\nsteps = 9\n',
        "second": "[optim]\nsteps = 8\n[gates]\nbudget = 0.9\n",
        "trial": 'extends = ["first.toml", "second.toml"]\n[gates]\nbudget = 1\n',
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    config = load_config(tmp_path / "trial.toml")
    assert config == RunConfig(name="trial").replace(
        seed=3, about="more", optim={"steps": 8, "lr": 2e-4}, gates={"budget": 1.0}
    )
    assert isinstance(config.gates.budget, float)  # which a whole number in the file becomes
    assert from_dict(config.model_dump()) == config
