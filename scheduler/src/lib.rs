//! When things happen: the cron tick, rotation, refresh, rebuild, publish, retire.
