tandem_fuzz(elector tandem_vrrp_core)
