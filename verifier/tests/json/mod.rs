//! As much of JSON as files of vectors have: objects, arrays, numbers that are not negative, texts without escapes.

pub enum Json {
    Object(Vec<(String, Json)>),
    Array(Vec<Json>),
    Number(u64),
    Text(String),
}

impl Json {
    pub fn parse(text: &str) -> Json {
        let mut rest = text.trim();
        let found = value(&mut rest);
        assert!(rest.is_empty(), "more than one value");
        found
    }

    pub fn find(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(fields) => fields.iter().find(|(own, _)| own == name).map(|(_, v)| v),
            _ => panic!("no object"),
        }
    }

    pub fn get(&self, name: &str) -> &Json {
        self.find(name).expect(name)
    }

    pub fn items(&self) -> &[Json] {
        match self {
            Json::Array(items) => items,
            _ => panic!("no array"),
        }
    }

    pub fn number(&self) -> u64 {
        match self {
            Json::Number(found) => *found,
            _ => panic!("no number"),
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Json::Text(found) => found,
            _ => panic!("no text"),
        }
    }
}

fn value(rest: &mut &str) -> Json {
    match rest.as_bytes()[0] {
        b'{' => {
            let mut fields = Vec::new();
            listed(rest, '}', |rest| {
                let name = text(rest);
                expect(rest, ':');
                fields.push((name, value(rest)));
            });
            Json::Object(fields)
        }
        b'[' => {
            let mut items = Vec::new();
            listed(rest, ']', |rest| items.push(value(rest)));
            Json::Array(items)
        }
        b'"' => Json::Text(text(rest)),
        _ => {
            let end = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            let (digits, after) = rest.split_at(end);
            *rest = after.trim_start();
            Json::Number(digits.parse().expect("a number"))
        }
    }
}

/// What stands between a bracket and ``end``, with commas between.
fn listed(rest: &mut &str, end: char, mut item: impl FnMut(&mut &str)) {
    *rest = rest[1..].trim_start();
    while !rest.starts_with(end) {
        item(rest);
        if !rest.starts_with(end) {
            expect(rest, ',');
        }
    }
    expect(rest, end);
}

fn text(rest: &mut &str) -> String {
    expect(rest, '"');
    let (found, after) = rest.split_once('"').expect("the end of a text");
    let found = found.to_string();
    *rest = after.trim_start();
    found
}

fn expect(rest: &mut &str, c: char) {
    *rest = rest.strip_prefix(c).expect("punctuation").trim_start();
}
