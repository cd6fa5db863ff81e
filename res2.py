from pathlib import Path
import re
src=Path("/tmp/t/res.py").read_text(); exec(src[:src.index('resolve("colorlib/bench')])
nb=Path("/tmp/t/nb.py").read_text()
resolve("README.md", lambda o,t: t.replace("`training/`, ","`train` and `data`, "))
resolve("colorlib/__init__.py", lambda o,t: t.replace("training","train"))
resolve("colorlib/benchmark/machine.py", lambda o,t: "from colorlib.model import threads\n")
resolve("colorlib/benchmark/table2.py", lambda o,t: t.replace("DataError, sha256","DataError, commit, sha256").replace("from colorlib.training.publish import commit\n",""))
resolve("tests/test_shipped.py", lambda o,t: o.replace("colorlib.vit","colorlib.model"))
resolve("tests/test_vit.py", lambda o,t: t.replace("colorlib.training.losses","colorlib.train"))
def sub(path,*pairs):
    p=Path(path); s=p.read_text(encoding="utf-8")
    for a,b in pairs:
        if a not in s: print("MISSING",path,a[:70])
        s=s.replace(a,b)
    p.write_text(s,encoding="utf-8",newline="\n")
nbs=nb[nb.index('sub("notebooks/04'):nb.index('sub("tests/test_evaluate')]
exec(nbs.replace('"from colorlib import Colorizer, color, colorizer, files, gates, hints, photos, vit\\\\n"\',\'"from colorlib import Colorizer, color, colorizer, data, files, gates, hints, photos, train, vit\\\\n"','"from colorlib import Colorizer, color, colorizer, files, hints, photos\\\\n"\',\'"from colorlib import Colorizer, color, colorizer, data, files, hints, photos, train\\\\n"').replace("checkpoints, evaluate, files, gates, paper, photos\\\\n","checkpoints, evaluate, files, paper, photos\\\\n").replace("checkpoints, evaluate, files, gates, paper, photos, train\\\\n","checkpoints, evaluate, files, paper, photos, train\\\\n")) if 'XX' not in nbs else print("??")
