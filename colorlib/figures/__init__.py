"""Every picture of the notebooks, drawn from given data: functions that return a Figure.

One file a notebook: `lab` for 01, `hints` for 02, `vit` for 03, `training` for 04,
`adaptivity` for 07; `style` for all.
"""
