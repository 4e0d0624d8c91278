tandem_test(unit_vrrp_elector unit
    FILES elector_guards_test.cpp elector_reconfigure_test.cpp elector_reference_test.cpp elector_table_test.cpp timing_test.cpp
    LIBRARIES tandem_vrrp_core)
tandem_test(unit_vrrp_sync_group unit FILES sync_group_test.cpp LIBRARIES tandem_vrrp_core)
tandem_test(unit_vrrp_track unit FILES track_test.cpp LIBRARIES tandem_vrrp_core)
