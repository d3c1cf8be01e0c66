"""The operations: a forward on arrays and a derivative beside it, one class each.

A public function per operation carries its documentation; methods of `Tensor`, the functions of
`nn.functional` and the modules of `nn` all call it. Inside a rule the same functions take bare
arrays, which is why derivatives are written once and are good at every order.
"""
