//! Examples of what a message means, one rule a test.

use super::*;

/// What a line is, item by item: a message as its service, microseconds and millionths, a reject as its reason.
fn items(line: &str) -> Vec<String> {
    items_of(line.as_bytes(), &mut Parser::new(&Metrics::default()))
}

fn items_of(bytes: &[u8], parser: &mut Parser) -> Vec<String> {
    let (mut at, mut items) = (0, Vec::new());
    loop {
        match parser.next(&bytes[at..]) {
            Next::Message { message, end, .. } => {
                let values: Vec<i64> = message.values.iter().map(|value| value.get()).collect();
                items.push(format!("{} {} {values:?}", message.service, message.time.get()));
                at += end;
            }
            Next::Reject { reason, end } => {
                items.push(reason.to_string());
                at += end;
            }
            Next::EndOfLine { end } => {
                items.push("end".to_owned());
                at += end;
            }
            Next::Incomplete => {
                items.extend((at < bytes.len()).then(|| format!("rest {}", bytes.len() - at)));
                return items;
            }
        }
    }
}

/// The only item of a line of a good service and time, and these members.
fn only(members: &str) -> String {
    let items = items(&format!("{{\"service\":\"a\",\"ts\":1,{members}}}"));
    assert_eq!(items.len(), 1, "{members}: {items:?}");
    items[0].replace("a 1000000 ", "")
}

const GOOD: &str = r#"{"service":"a","ts":1,"cpu":1,"ram":2,"disk":3}"#;
const READ: &str = "a 1000000 [1000000, 2000000, 3000000]";

#[test]
fn the_message_of_the_design_is_read() {
    let line = r#"{"serviceName":"checkout","Timestamp":1763715600123,"CPU":0.43,"RAM":{"Total":16.0,"Free":7.2},"Disk":{"Total":512.0,"Free":100.1}}"#;
    assert_eq!(items(line), ["checkout 1763715600123000 [430000, 550000, 804492]"]);
}

#[test]
fn keys_are_known_in_any_order_case_and_escape() {
    for line in [
        r#"{"DISK":3,"rAm":2,"Cpu":1,"TS":1,"SERVICE":"a"}"#,
        r#" { "Service_Name" : "a" , "TIME" : 1 , "cpu" : 1 , "ram" : 2 , "disk" : 3 }"#,
        r#"{"\u0053ervice":"a","t\u0053":1,"c\u0070u":1,"ram":2,"disk":3}"#,
    ] {
        assert_eq!(items(line), [READ], "{line}");
    }
    assert_eq!(only(r#""cpu":1,"ram":2,"disk":3,"cpu\u0000":4"#), "[1000000, 2000000, 3000000]");
    // U+212A folds to k in Unicode, not in ASCII.
    assert_eq!(items("{\"service\":\"a\",\"ts\":1,\"cpu\":1,\"ram\":2,\"dis\u{212a}\":3}"), ["missing_field"]);
}

#[test]
fn the_last_duplicate_wins_and_only_it_is_checked() {
    assert_eq!(
        items(
            r#"{"service":7.5,"cpu":"x","ts":[],"ram":{"Total":null},"serviceName":"a","time":1,"cpu":1,"ram":2,"disk":3}"#
        ),
        [READ]
    );
    assert_eq!(only(r#""cpu":1,"ram":2,"disk":3,"CPU":"x""#), "wrong_type");
    assert_eq!(
        only(r#""cpu":1,"ram":2,"disk":{"total":{},"free":1,"Total":4,"FREE":"x","free":3}"#),
        "[1000000, 2000000, 250000]"
    );
    assert_eq!(only(r#""cpu":{"total":2,"free":1},"cpu":1,"ram":2,"disk":3"#), "[1000000, 2000000, 3000000]");
}

#[test]
fn unknown_keys_of_any_shape_are_passed_over() {
    let deep =
        |levels: usize| format!("\"x\":{}{},\"cpu\":1,\"ram\":2,\"disk\":3", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(only(&deep(63)), "[1000000, 2000000, 3000000]");
    assert_eq!(only(&deep(64)), "invalid_json");
    assert_eq!(
        only(
            r#""x":{"cpu":{"cpu":9},"y":[1,"}",{},[],true,false,null,-1.5e+3]},"cpu":1,"":"","ram":2,"disk":3,"z":1e999"#
        ),
        "[1000000, 2000000, 3000000]"
    );
}

#[test]
fn a_service_is_a_name_or_an_integer() {
    let service =
        |json: &str| items(&GOOD.replace("\"a\"", json))[0].replace(" 1000000 [1000000, 2000000, 3000000]", "");
    assert_eq!(service("42"), "42");
    assert_eq!(service("-7"), "-7");
    assert_eq!(service("123456789012345678901234567890"), "123456789012345678901234567890");
    assert_eq!(service(r#""\u00e4\ud83d\ude00\/""#), "ä😀/");
    assert_eq!(service("\"ä b\""), "ä b");
    for wrong in ["4.0", "1e3", "null", "true", "[\"a\"]", "{}"] {
        assert_eq!(service(wrong), "wrong_type", "{wrong}");
    }
    let long = format!("\"{}\"", "x".repeat(129));
    for invalid in ["\"\"", r#""a\nb""#, "\"\u{7f}\"", r#""\u0085""#, &long, &"1".repeat(129)] {
        assert_eq!(service(invalid), "invalid_service", "{invalid}");
    }
}

#[test]
fn a_time_is_a_number_or_rfc_3339() {
    let time = |json: &str| {
        items(&GOOD.replace("\"ts\":1", &format!("\"ts\":{json}")))[0].replace(" [1000000, 2000000, 3000000]", "")
    };
    assert_eq!(time("1763715600.1234567"), "a 1763715600123456");
    assert_eq!(time(r#""2025-11-21T10:00:00.1234567+01:00""#), "a 1763715600123456");
    assert_eq!(time(r#""2025-11-21T09\u003a00:00Z""#), "a 1763715600000000");
    for wrong in ["\"1763715600\"", "null", "{}", "\"-1\""] {
        assert_eq!(time(wrong), "wrong_type", "{wrong}");
    }
    for invalid in ["-1", "\"\"", "\"yesterday\"", "\"1969-12-31T23:59:59Z\"", "253402300800000000000", "-0.1"] {
        assert_eq!(time(invalid), "invalid_timestamp", "{invalid}");
    }
}

#[test]
fn total_and_free_become_utilisation_or_use() {
    let read = |json: &str| only(&format!(r#""cpu":1,"ram":2,"disk":{json}"#)).replace("[1000000, 2000000, ", "");
    assert_eq!(read(r#"{"Total":3,"Free":1}"#), "666667]");
    assert_eq!(read(r#"{"Total":3,"Free":2,"unit":"GiB"}"#), "333333]");
    assert_eq!(read(r#"{"Total":0.000002,"Free":0.000001}"#), "500000]");
    assert_eq!(read(r#"{"Total":999999999999.999999,"Free":0}"#), "1000000]");
    assert_eq!(read(r#"{"Total":5,"Free":5}"#), "0]");
    for wrong in [
        r#"{"Total":0,"Free":0}"#,
        r#"{"Total":-1,"Free":0}"#,
        r#"{"Total":1,"Free":2}"#,
        r#"{"Total":1,"Free":-1}"#,
        r#"{"Total":0.0000001,"Free":0}"#,
    ] {
        assert_eq!(read(wrong), "capacity_out_of_range", "{wrong}");
    }
    assert_eq!(read(r#"{"Total":1}"#), "missing_field");
    assert_eq!(read("{}"), "missing_field");
    assert_eq!(read(r#"{"Total":"1","Free":0}"#), "wrong_type");
    assert_eq!(read(r#"{"Total":1e12,"Free":0}"#), "number_out_of_range");

    let mut parser = Parser::new(&"disk=used".parse().unwrap());
    let line = br#"{"service":"a","ts":1,"disk":{"Total":512.0,"Free":100.1}}"#;
    assert_eq!(items_of(line, &mut parser), ["a 1000000 [411900000]"]);
    assert_eq!(items_of(line, &mut parser), ["a 1000000 [411900000]"]);
}

#[test]
fn wrong_values_are_rejected_by_name() {
    let cpu = |json: &str| only(&format!(r#""ram":2,"disk":3,"cpu":{json}"#));
    for wrong in ["\"1\"", "null", "true", "[1]"] {
        assert_eq!(cpu(wrong), "wrong_type", "{wrong}");
    }
    for large in ["1e12", "-1e12", "1e400", "NaN", "Infinity", "-Infinity"] {
        assert_eq!(cpu(large), "number_out_of_range", "{large}");
    }
    for broken in
        ["01", "1.", ".5", "+1", "-", "nan", "Inf", "1 2", "", "tru", "'1'", "1,", "\"\\x\"", "\"\\u12g4\"", "\"\t\""]
    {
        assert_eq!(cpu(broken), "invalid_json", "{broken}");
    }
    assert_eq!(items(r#"{}"#), ["missing_field"]);
    assert_eq!(only(r#""cpu":1,"ram":2"#), "missing_field");
}

#[test]
fn strings_that_are_no_text_are_rejected_wherever_they_stand() {
    for (from, to) in [("\"a\"", "\"\\ud800\""), ("\"a\"", "\"\\ud800\\u0041\""), ("\"cpu\"", "\"\\udc00\":0,\"cpu\"")]
    {
        assert_eq!(items(&GOOD.replace(from, to)), ["invalid_utf8"], "{to}");
    }
    let mut line = GOOD.replace("\"cpu\"", "\"x\":\"?\",\"cpu\"").into_bytes();
    let at = line.iter().position(|byte| *byte == b'?').unwrap();
    line[at] = 0xff;
    line.extend_from_slice(GOOD.as_bytes());
    assert_eq!(items_of(&line, &mut Parser::new(&Metrics::default())), ["invalid_utf8", READ]);
}

#[test]
fn a_line_may_end_in_a_comma_and_a_carriage_return_and_hold_several_objects() {
    assert_eq!(items(&format!("{GOOD},\r\n{GOOD}\r\n")), [READ, "end", READ, "end"]);
    assert_eq!(items(&format!("{GOOD}{GOOD} , {GOOD}\n")), [READ, READ, READ, "end"]);
    assert_eq!(items(&format!("\n \r\n{GOOD}")), ["end", "end", READ]);
    assert_eq!(items(&format!("{GOOD},,{GOOD}\n{GOOD}")), [READ, "invalid_json", "end", READ]);
}

#[test]
fn after_a_reject_judging_goes_on_as_documented() {
    assert_eq!(items(&format!("{{}}{GOOD}\n")), ["missing_field", READ, "end"]);
    assert_eq!(items(&format!(r#"{{"a":nan,"b":{{"c":"}}\""}}}}{GOOD}{}"#, "\n")), ["invalid_json", READ, "end"]);
    assert_eq!(items(&format!("{{\"a\":\"{GOOD}\n{GOOD}\n")), ["invalid_json", "end", READ, "end"]);
    assert_eq!(items(&format!("{{\"a\":\n{GOOD}")), ["invalid_json", "end", READ]);
    assert_eq!(items(&format!("x{GOOD}\n{GOOD}\n")), ["invalid_json", "end", READ, "end"]);
    assert_eq!(items(&format!("[{GOOD}]\n{GOOD}\n")), ["invalid_json", "end", READ, "end"]);
}

#[test]
fn what_is_unfinished_is_left() {
    for end in 0..GOOD.len() {
        let rest = if end == 0 { vec![] } else { vec![format!("rest {end}")] };
        assert_eq!(items(&GOOD[..end]), rest);
    }
    assert_eq!(items("{\"a\":nan,"), ["rest 9"]);
    assert_eq!(items("garbage"), ["rest 7"]);
    assert_eq!(items(&format!("{GOOD}, ")), [READ, "rest 2"]);
}
