"""How rayograph-mini is trained. The product never imports this."""
