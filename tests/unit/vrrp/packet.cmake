tandem_test(vrrp_packet_test unit FILES packet_test.cpp LIBRARIES tandem_vrrp_core)
tandem_test(vrrp_auth_hmac_test unit FILES auth_hmac_test.cpp LIBRARIES tandem_vrrp_core)
tandem_test(vrrp_router_test unit FILES router_test.cpp link_fixture.cpp LIBRARIES tandem_vrrp)
tandem_test(vrrp_router_keepalived_test unit FILES router_keepalived_test.cpp link_fixture.cpp LIBRARIES tandem_vrrp)
