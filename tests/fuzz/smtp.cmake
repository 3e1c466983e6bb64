# The protocol: sessions at any split, and the address and parameter grammar.
ringmx_fuzz(session session.cpp ringmx_smtp)
ringmx_fuzz(address address.cpp ringmx_smtp)
