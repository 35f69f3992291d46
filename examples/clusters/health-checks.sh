# To be sourced where a head starts, before it does: a host that is out of reach is missed after 8 s (Ray's own: 64 s).
export RAY_health_check_initial_delay_ms=1000
export RAY_health_check_period_ms=1000
export RAY_health_check_timeout_ms=1500
export RAY_health_check_failure_threshold=3
