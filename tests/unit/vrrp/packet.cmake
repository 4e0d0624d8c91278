tandem_test(vrrp_packet_test unit
    FILES auth_hmac_test.cpp explain_test.cpp packet_hmac_test.cpp packet_hostile_test.cpp packet_test.cpp
    LIBRARIES tandem_vrrp_core)
tandem_test(vrrp_advert_socket_test unit
    FILES advert_socket_test.cpp allocation_counter.cpp link_fixture.cpp
    LIBRARIES tandem_vrrp)
tandem_test(vrrp_router_test unit FILES router_test.cpp link_fixture.cpp LIBRARIES tandem_vrrp)
tandem_test(vrrp_router_keepalived_test unit FILES router_keepalived_test.cpp link_fixture.cpp LIBRARIES tandem_vrrp)
