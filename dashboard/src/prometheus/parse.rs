//! Parsing: the text of a query into an expression, or why not.
//!
//! What must hold: what is not supported is refused by name, and with what is.

use std::time::SystemTime;

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::token::{
    T_ADD, T_AVG, T_BOTTOMK, T_COUNT, T_DIV, T_EQLC, T_GTE, T_GTR, T_LSS, T_LTE, T_MAX, T_MIN, T_MOD, T_MUL, T_NEQ,
    T_POW, T_QUANTILE, T_SUB, T_SUM, T_TOPK,
};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{
    AggregateExpr, AtModifier, BinModifier, BinaryExpr, Call, Expr, LabelModifier, Offset, VectorMatchCardinality,
    VectorSelector,
};

use super::expression::{Aggregation, Arithmetic, Comparison, Expression, Fold, Map, Node, Operator, Plan};
use super::failure::Failure;
use super::labels::{Grouping, NAME};
use super::parameters::millis;
use super::selector::{At, Selector};
use super::syntax::{syntax, unwrapped};

const SUPPORTED: &str = "supported are selectors with offset and @, + - * / % ^ and comparisons with on or ignoring, \
    the aggregations avg, sum, min, max, count, quantile, topk, bottomk, and the functions avg_over_time, \
    sum_over_time, min_over_time, max_over_time, count_over_time, last_over_time, quantile_over_time, abs, ceil, \
    floor, round, clamp, clamp_min, clamp_max, sort, sort_desc, scalar, vector, time";

type Result<T> = std::result::Result<T, Failure>;

/// Reads a query.
///
/// # Errors
/// Why it is none, or which part of it is not supported.
pub(super) fn parse(text: &str) -> Result<Expression> {
    let parsed = syntax(text)?;
    if let Expr::StringLiteral(literal) = parsed {
        return Ok(Expression::Text(literal.val));
    }
    let mut selectors = Vec::new();
    if let Expr::MatrixSelector(matrix) = unwrapped(&parsed) {
        return selector(&matrix.vs, Some(millis(matrix.range))).map(Expression::Samples);
    }
    let node = Reading { selectors: &mut selectors }.node(&parsed)?;
    Ok(Expression::Steps(Plan { node, selectors }))
}

/// Reads a selector without a window, as `match[]` holds one.
///
/// # Errors
/// If it is something else.
pub(super) fn parse_selector(text: &str) -> Result<Selector> {
    match syntax(text)? {
        Expr::VectorSelector(vector) if vector.offset.is_none() && vector.at.is_none() => selector(&vector, None),
        _ => Err(Failure::bad_data(format!(
            "match[]={text:?} is no selector, as in hourglass_messages{{service=\"a\"}}"
        ))),
    }
}

fn unsupported(what: impl std::fmt::Display) -> Failure {
    Failure::bad_data(format!("{what} is not supported here; {SUPPORTED}"))
}

/// The selectors found so far.
struct Reading<'a> {
    selectors: &'a mut Vec<Selector>,
}

impl Reading<'_> {
    fn node(&mut self, expr: &Expr) -> Result<Node> {
        Ok(match expr {
            Expr::Aggregate(aggregate) => self.aggregate(aggregate)?,
            Expr::Unary(unary) => Node::Negate(self.boxed(&unary.expr)?),
            Expr::Binary(binary) => self.binary(binary)?,
            Expr::Paren(paren) => self.node(&paren.expr)?,
            Expr::NumberLiteral(number) => Node::Number(number.val),
            Expr::VectorSelector(vector) => Node::Instant(self.select(vector, None)?),
            Expr::Call(call) => self.call(call)?,
            Expr::Subquery(subquery) => return Err(unsupported(format!("the subquery {subquery}"))),
            Expr::MatrixSelector(matrix) => {
                return Err(Failure::bad_data(format!(
                    "{matrix} is a range vector, where a scalar or vector is needed"
                )));
            }
            Expr::StringLiteral(_) => return Err(Failure::bad_data("a string stands where a value is needed")),
            Expr::Extension(_) => return Err(unsupported("an extension")),
        })
    }

    fn boxed(&mut self, expr: &Expr) -> Result<Box<Node>> {
        self.node(expr).map(Box::new)
    }

    fn select(&mut self, vector: &VectorSelector, range: Option<i64>) -> Result<usize> {
        self.selectors.push(selector(vector, range)?);
        Ok(self.selectors.len() - 1)
    }

    fn aggregate(&mut self, aggregate: &AggregateExpr) -> Result<Node> {
        let mut parameter = || match &aggregate.param {
            Some(param) => self.boxed(param),
            None => Err(Failure::bad_data(format!("{} needs a parameter", aggregate.op))),
        };
        let aggregation = match aggregate.op.id() {
            T_AVG => Aggregation::Average,
            T_SUM => Aggregation::Sum,
            T_MIN => Aggregation::Least,
            T_MAX => Aggregation::Greatest,
            T_COUNT => Aggregation::Count,
            T_QUANTILE => Aggregation::Quantile(parameter()?),
            T_TOPK => Aggregation::Top(parameter()?),
            T_BOTTOMK => Aggregation::Bottom(parameter()?),
            _ => return Err(unsupported(format!("the aggregation {}", aggregate.op))),
        };
        let grouping = match &aggregate.modifier {
            Some(modifier) => grouping(modifier),
            None => Grouping::By(Vec::new()),
        };
        Ok(Node::Aggregate { aggregation, grouping, of: self.boxed(&aggregate.expr)? })
    }

    fn binary(&mut self, binary: &BinaryExpr) -> Result<Node> {
        let plain = BinModifier::default();
        let modifier = binary.modifier.as_ref().unwrap_or(&plain);
        let operator = operator(binary, modifier.return_bool)?;
        if modifier.card != VectorMatchCardinality::OneToOne {
            return Err(unsupported("group_left or group_right"));
        }
        if modifier.fill_values != plain.fill_values {
            return Err(unsupported("fill"));
        }
        let matching = modifier.matching.as_ref().map_or(Grouping::Without(Vec::new()), grouping);
        let (left, right) = (self.boxed(&binary.lhs)?, self.boxed(&binary.rhs)?);
        Ok(Node::Binary { operator, matching, left, right })
    }

    fn call(&mut self, call: &Call) -> Result<Node> {
        let (name, args) = (call.func.name, &call.args.args);
        if call.func.arg_types.contains(&ValueType::Matrix) {
            return self.window(name, args);
        }
        let mut of = |n: usize| match args.get(n) {
            Some(arg) => self.boxed(arg),
            None => Err(Failure::bad_data(format!("{name} lacks an argument"))),
        };
        let map = |function, of| Node::Map { function, of };
        Ok(match name {
            "time" => Node::Time,
            "scalar" => Node::Scalar(of(0)?),
            "vector" => Node::Vector(of(0)?),
            "abs" => map(Map::Absolute, of(0)?),
            "ceil" => map(Map::Ceiling, of(0)?),
            "floor" => map(Map::Floor, of(0)?),
            "round" if args.len() < 2 => map(Map::Round(Box::new(Node::Number(1.0))), of(0)?),
            "round" => map(Map::Round(of(1)?), of(0)?),
            "clamp" => map(Map::Clamp(Some(of(1)?), Some(of(2)?)), of(0)?),
            "clamp_min" => map(Map::Clamp(Some(of(1)?), None), of(0)?),
            "clamp_max" => map(Map::Clamp(None, Some(of(1)?)), of(0)?),
            "sort" => Node::Sort { descending: false, of: of(0)? },
            "sort_desc" => Node::Sort { descending: true, of: of(0)? },
            _ => return Err(unsupported(format!("the function {name}"))),
        })
    }

    /// A function of a window: the window is its last argument.
    fn window(&mut self, name: &str, args: &[Box<Expr>]) -> Result<Node> {
        let fold = match name {
            "avg_over_time" => Fold::Average,
            "sum_over_time" => Fold::Sum,
            "min_over_time" => Fold::Least,
            "max_over_time" => Fold::Greatest,
            "count_over_time" => Fold::Count,
            "last_over_time" => Fold::Last,
            "quantile_over_time" => Fold::Quantile(match args.first() {
                Some(phi) => self.boxed(phi)?,
                None => return Err(Failure::bad_data("quantile_over_time lacks an argument")),
            }),
            "rate" | "irate" | "increase" => return Err(counters_only(name)),
            _ => return Err(unsupported(format!("the function {name}"))),
        };
        match args.last().map(|arg| unwrapped(arg)) {
            Some(Expr::MatrixSelector(matrix)) => {
                let selector = self.select(&matrix.vs, Some(millis(matrix.range)))?;
                Ok(Node::Window { fold, selector })
            }
            Some(Expr::Subquery(subquery)) => Err(unsupported(format!("the subquery {subquery} in {name}"))),
            _ => Err(Failure::bad_data(format!("{name} needs a range vector, as in hourglass_messages[5m]"))),
        }
    }
}

fn counters_only(name: &str) -> Failure {
    Failure::bad_data(format!(
        "{name} is of counters, and every series here is a gauge with one value a minute: messages a second are \
         hourglass_messages / 60, messages in an hour sum_over_time(hourglass_messages[1h])"
    ))
}

fn selector(vector: &VectorSelector, range: Option<i64>) -> Result<Selector> {
    if !vector.matchers.or_matchers.is_empty() {
        return Err(unsupported("or between matchers"));
    }
    if range.is_some_and(|range| range <= 0) {
        return Err(Failure::bad_data("a window must be longer than nothing"));
    }
    let mut matchers = vector.matchers.matchers.clone();
    if let Some(name) = &vector.name {
        matchers.push(Matcher::new(MatchOp::Equal, NAME, name));
    }
    let offset = match &vector.offset {
        Some(Offset::Pos(earlier)) => millis(*earlier),
        Some(Offset::Neg(later)) => -millis(*later),
        None => 0,
    };
    let at = vector.at.as_ref().map(|at| match at {
        AtModifier::Start => At::Start,
        AtModifier::End => At::End,
        AtModifier::At(time) => At::Time(match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => millis(since),
            Err(before) => -millis(before.duration()),
        }),
    });
    Ok(Selector { matchers, range, offset, at })
}

fn grouping(modifier: &LabelModifier) -> Grouping {
    match modifier {
        LabelModifier::Include(labels) => Grouping::By(labels.labels.clone()),
        LabelModifier::Exclude(labels) => Grouping::Without(labels.labels.clone()),
    }
}

fn operator(binary: &BinaryExpr, as_number: bool) -> Result<Operator> {
    let compare = |comparison| Operator::Comparison { comparison, as_number };
    Ok(match binary.op.id() {
        T_ADD => Operator::Arithmetic(Arithmetic::Add),
        T_SUB => Operator::Arithmetic(Arithmetic::Subtract),
        T_MUL => Operator::Arithmetic(Arithmetic::Multiply),
        T_DIV => Operator::Arithmetic(Arithmetic::Divide),
        T_MOD => Operator::Arithmetic(Arithmetic::Modulo),
        T_POW => Operator::Arithmetic(Arithmetic::Power),
        T_EQLC => compare(Comparison::Equal),
        T_NEQ => compare(Comparison::Unequal),
        T_GTR => compare(Comparison::Greater),
        T_LSS => compare(Comparison::Less),
        T_GTE => compare(Comparison::AtLeast),
        T_LTE => compare(Comparison::AtMost),
        _ => return Err(unsupported(format!("the operator {}", binary.op))),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> String {
        parse(text).map(|expression| format!("{expression:?}")).unwrap_err().told().to_owned()
    }

    proptest! {
        #[test]
        fn a_damaged_expression_is_read_or_refused(damage in damage::damage(), any in damage::bytes()) {
            let good = "topk(3, sum by (service) (max_over_time(hourglass_cpu_max{service=~\"a.*\"}[1h] offset 5m))) / 2";
            for text in [damage.to_text(good), String::from_utf8_lossy(&any).into_owned()] {
                let _ = parse(&text);
                let _ = parse_selector(&text);
            }
        }
    }

    #[test]
    fn what_is_not_supported_is_named() {
        for (text, named) in [
            ("rate(m[5m])", "rate is of counters"),
            ("sum(increase(m[5m]))", "increase is of counters"),
            ("max_over_time(avg(m)[1h:5m])", "the subquery avg(m)[1h:5m] in max_over_time"),
            ("m[1h:5m]", "the subquery m[1h:5m]"),
            ("a and b", "the operator and"),
            ("a / on(x) group_left b", "group_left"),
            ("stddev(m)", "the aggregation stddev"),
            ("count_values(\"v\", m)", "the aggregation count_values"),
            ("label_replace(m, \"a\", \"b\", \"c\", \"d\")", "the function label_replace"),
            ("deriv(m[5m])", "the function deriv"),
            ("m{a=\"b\" or c=\"d\"}", "or between matchers"),
            ("m +", "cannot be read"),
            ("", "cannot be read"),
            ("nothing(m)", "nothing"),
            ("{service=~\".*\"}", "at least one non-empty matcher"),
            ("sum(m[5m])", "expected type"),
            ("m[100000000000000000000]", "a duration is none"),
            ("m offset NaN", "cannot be read"),
            ("m[0]", "longer than nothing"),
            ("1 > 2", "BOOL"),
        ] {
            assert!(refused(text).contains(named), "{text}: {}", refused(text));
        }
    }

    #[test]
    fn precedence_and_signs_are_prometheus() {
        let Expression::Steps(plan) = parse("-2 ^ 2 + m{service=\"a\"} offset -1m @ end()").unwrap() else { panic!() };
        let Node::Binary { operator, left, right, .. } = plan.node else { panic!() };
        assert_eq!(operator, Operator::Arithmetic(Arithmetic::Add));
        assert!(matches!(*left, Node::Negate(_)), "{left:?}");
        assert_eq!(*right, Node::Instant(0));
        assert_eq!((plan.selectors[0].offset, plan.selectors[0].at), (-60_000, Some(At::End)));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z0-9_{}()\\[\\]=~!\"', .@:+*/%^<>-]{0,60}") {
            let _ = parse(&text);
        }
    }
}
