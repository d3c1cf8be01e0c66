"""Derivatives against differences: what gradcheck and live checking are made of."""
