// A status answer with everything in it.
#pragma once

namespace tandem::control::test {

constexpr const char* kStatus = R"({"code":0,"message":"ok","text":"ok",
"node":{"name":"node1","version":"0.1.0","pid":123,"uptime_ms":7805000,"config":"/etc/tandem.conf"},
"instances":[
 {"name":"VI_1","state":"active","since":"2024-02-29T12:31:51.000Z","reason":"active-down",
  "interface":"eth0","virtual_router_id":51,"version":3,"priority":150,"effective_priority":140,
  "advertisement_interval_ms":1000,"active_down_interval_ms":3609,
  "addresses":["198.51.100.100/24"],"addresses_present":true,"lease_s":3,
  "hold":{"active":false,"until":null},"faults":[],
  "peer":{"address":"198.51.100.12","priority":100,"last_heard_ms":120},
  "counters":{"adverts_sent":10,"adverts_received":2,"became_active":1,"discarded":0}},
 {"name":"VI_2","state":"fault","since":"2024-02-29T12:34:00.000Z","reason":"fault",
  "interface":"eth1","virtual_router_id":52,"version":2,"priority":100,"effective_priority":100,
  "advertisement_interval_ms":1000,"active_down_interval_ms":3609,
  "addresses":["203.0.113.100/24"],"addresses_present":false,"lease_s":3,
  "hold":{"active":true,"until":"2024-02-29T12:39:56.000Z"},"faults":["link down on eth1"],
  "peer":null,
  "counters":{"adverts_sent":0,"adverts_received":0,"became_active":0,"discarded":0}}],
"services":[{"name":"198.51.100.100:80","instance":"VI_1","accepting":true,"active":3,
  "accepted":10,"finished":7,"reset_by_client":1,"reset_by_upstream":2,"reset_by_demotion":0,
  "timed_out":0,"no_upstream":0,"refused_inactive":4,"denied":5,
  "refused_client_limit":0,"refused_client_rate":6,"local_errors":0,
  "bytes_to_upstream":1000,"bytes_to_client":34603008,
  "upstreams":[
   {"name":"198.51.100.21:80","state":"up","weight":1,"active":3,"connected":10,
    "connect_failures":0,"last_error":""},
   {"name":"[2001:db8:1111:2222:3333:4444:5555:6666]:8080","state":"down","weight":5,"active":0,
    "connected":0,"connect_failures":3,"last_error":"connection refused"}]}]})";

}  // namespace tandem::control::test
