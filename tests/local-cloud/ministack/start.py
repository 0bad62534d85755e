"""Starts MiniStack, with the behaviour of AWS that it lacks and that the function or Karpenter needs.

Each of the imported modules describes a part of this behaviour.
"""

import clusters
import functions
import identity
import instances
import stacks
from ministack import app

for module in [clusters, functions, identity, instances, stacks]:
    module.install()

if __name__ == "__main__":
    app.main()
