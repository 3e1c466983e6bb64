# The PROXY protocol header.
ringmx_fuzz(proxy_header proxy_header.cpp ringmx_proxy)
