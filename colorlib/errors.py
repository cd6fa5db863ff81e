"""The errors colorlib raises: each names the thing, the value and what would be right."""


class ColorlibError(ValueError):
    """Anything colorlib refuses; every error below is one."""


class PhotoError(ColorlibError):
    """A photo that cannot be opened, or an array that is no photo."""


class HintError(ColorlibError):
    """A hint off the photo, of a size that does not divide, or of no colour."""


class CheckpointError(ColorlibError):
    """A checkpoint that is missing, damaged, or of another network."""


class DataError(ColorlibError):
    """A data set, folder or shard that is missing or not laid out as expected."""


class ConfigError(ColorlibError):
    """A setting that is unknown, missing, or out of range."""
