//! Configuration: one table of keys ([`keys`]), typed values ([`setting`]), and the four layers a value can come
//! from ([`layers`]). What enters is text from flags, environment and file; what leaves is [`Settings`], or an
//! error that names the key, where it was set, the value and what is allowed. Nothing is acted on here.

mod keys;
mod layers;
mod reference;
mod setting;
mod setting_hdfs;
mod setting_nouns;
mod store_url;

pub(crate) use keys::{KEYS, Key, Settings, key};
pub(crate) use layers::{Config, FILE_VARIABLE, File, strays};
pub(crate) use reference::{markdown, show};
pub(crate) use setting::{Address, Maybe, Setting, Span, Switch, Web};
pub(crate) use setting_hdfs::{FilePath, Name};
pub(crate) use store_url::StoreUrl;
