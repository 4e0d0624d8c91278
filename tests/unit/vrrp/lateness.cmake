tandem_test(unit_vrrp_lateness unit FILES lateness_test.cpp LIBRARIES tandem_vrrp_core)
