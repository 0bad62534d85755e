"""Starts MiniStack, with what its services leave out and the function or Karpenter relies on: a module each says what."""

import clusters
import functions
import identity
import instances
from ministack import app

for module in [clusters, functions, identity, instances]:
    module.install()

if __name__ == "__main__":
    app.main()
