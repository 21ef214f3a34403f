// RUN: zk-opt %s -p lower-zk-to-circuit --split-input-file --verify-diagnostics | filecheck %s

// What is no tensor of a function.

// CHECK: input image is revealed through one column
zk.system extents <batch 4> {
  zk.axis @example batch
  zk.column @score witness [example] in -128 to 127
  zk.compute {
  }
  zk.constrain {
    zk.reveal "input image"
    zk.reveal "output score" through ["score"]
  }
}

// -----

// CHECK: input 1 can not be revealed
zk.system extents <batch 4> {
  zk.axis @example batch
  zk.column @score witness [example] in -128 to 127
  zk.compute {
  }
  zk.constrain {
    zk.reveal "input 1" through ["score"]
    zk.reveal "output score" through ["score"]
  }
}

// -----

// CHECK: the output score is revealed through columns of another form
zk.system extents <batch 4> {
  zk.axis @example batch
  zk.axis @feature 8
  zk.column @score witness [feature, example] in -128 to 127
  zk.compute {
  }
  zk.constrain {
    zk.reveal "output score" through ["score"]
  }
}

// -----

// CHECK: prompt is neither input nor output of a function
zk.system extents <batch 4> {
  zk.axis @example batch
  zk.column @score witness [example] in -128 to 127
  zk.compute {
  }
  zk.constrain {
    zk.reveal "prompt" through ["score"]
    zk.reveal "output score" through ["score"]
  }
}

// -----

// CHECK: the outputs of a function must be revealed, through columns
zk.system extents <batch 4> {
  zk.axis @example batch
  zk.column @score witness [example] in -128 to 127
  zk.compute {
  }
  zk.constrain {
  }
}
