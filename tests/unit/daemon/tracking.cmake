# Tracking and notification: real programs, files and processes. As root the programs run as nobody.
tandem_test(unit_daemon_tracking unit
    FILES child_process_test.cpp file_probe_test.cpp file_value_test.cpp file_watch_test.cpp notifier_test.cpp
          notify_queue_test.cpp process_state_test.cpp process_watch_test.cpp
          program_fixture.cpp program_probe_test.cpp program_test.cpp script_state_test.cpp tracking_test.cpp
    LIBRARIES tandem_tracking)
