from bench.autoscale import run
from bench.table import show

show("autoscale", run())
