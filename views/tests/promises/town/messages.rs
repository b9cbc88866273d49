//! Messages as clients write them, and what they mean.

use proptest::prelude::*;
use schema::{Message, Micros, Millionths};

pub(crate) const MINUTE: i64 = 60_000_000;

/// 2026-11-21T00:00:00Z.
pub(crate) const TODAY: i64 = 1_795_219_200_000_000;

pub(crate) fn micros(time: i64) -> Micros {
    Micros::new(time).unwrap()
}

/// A message, and the form it is written in.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) service: &'static str,
    pub(crate) time: Micros,
    pub(crate) values: [Millionths; 3],
    form: u8,
}

impl Sent {
    /// A message whose metrics are all so many millionths.
    pub(crate) fn plain(service: &'static str, time: Micros, value: i64) -> Self {
        Sent { service, time, values: [Millionths::new(value).unwrap(); 3], form: 0 }
    }

    pub(crate) fn message(&self) -> Message<'_> {
        Message { service: self.service, time: self.time, values: &self.values }
    }

    /// Its line in the log.
    pub(crate) fn line(&self) -> String {
        let Sent { time, values: [cpu, ram, disk], .. } = self;
        let (time, service) = (time.get(), serde_json::to_string(self.service).unwrap());
        let line = match self.form {
            0 => format!(r#"{{"service":{service},"ts":{time},"cpu":{cpu},"ram":{ram},"disk":{disk}}}"#),
            1 => {
                let exponent = |value: &Millionths| format!("{}e-6", value.get());
                let (cpu, ram, disk) = (exponent(cpu), exponent(ram), exponent(disk));
                format!(
                    r#"{{ "DISK":{disk}, "other":[1,{{"cpu":2}}], "TimeStamp":{time}, "Ram":{ram},"cpu":7,"cpu":{cpu}, "serviceName":{service} }}"#
                )
            }
            _ => format!(
                r#"{{"service_name":{service},"time":"{}","cpu":{cpu},"r\u0061m":{ram},"disk":{disk}}}"#,
                Micros::new(time).unwrap()
            ),
        };
        line + "\n"
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let services = prop::sample::select(vec!["checkout", "basket", "a,\"b\"/é", "a-service-with-a-long-name"]);
    let day = prop_oneof![3 => Just(0_i64), 1 => -3..3_i64, 1 => -60..15_i64];
    let value = prop_oneof![4 => -2..2_i64, 1 => Just(999_999_999_999_999_999), 1 => -1_000_000..1_000_000_i64];
    let hour = prop_oneof![3 => Just(0_i64), 1 => 0..5_i64];
    let rest = prop_oneof![2 => 0..MINUTE, 1 => 0..3 * MINUTE];
    let time =
        (day, hour, rest).prop_map(|(day, hour, rest)| micros(TODAY + day * 1440 * MINUTE + hour * 60 * MINUTE + rest));
    (services, time, [value.clone(), value.clone(), value], 0..3_u8).prop_map(|(service, time, values, form)| Sent {
        service,
        time,
        values: values.map(|value| Millionths::new(value).unwrap()),
        form,
    })
}

/// Up to `most` messages around the end of a month, with values that often tie.
pub(crate) fn messages(most: usize) -> impl Strategy<Value = Vec<Sent>> {
    prop::collection::vec(sent(), 0..most)
}
