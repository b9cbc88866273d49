//! The coverage of an answer in JSON, its times written like every other time.

use schema::Micros;
use serde_json::Value;

use crate::coverage::Coverage;

/// The coverage as an object.
///
/// # Errors
/// None in practice: what JSON cannot say is not in it.
pub fn covered(coverage: &Coverage) -> serde_json::Result<Value> {
    let mut object = serde_json::to_value(coverage)?;
    for list in ["monitors", "imports"] {
        for source in object[list].as_array_mut().into_iter().flatten() {
            let latest = source["latest"].as_i64().and_then(Micros::new);
            if let Some(latest) = latest {
                source["latest"] = latest.to_string().into();
            }
        }
    }
    Ok(object)
}
