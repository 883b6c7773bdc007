//! The result of a request, under Ansible's names.

use serde_json::{Map, Value, json};

use super::request::{MakeRequest, Response};

impl Response {
    /// What `register` keeps. `expected` are the statuses that are no failure; the body is kept where it is asked for, and where the
    /// request failed.
    ///
    /// # Errors
    /// The sentence that says what is wrong, with the same fields.
    pub fn result(
        &self,
        expected: &[i64],
        return_content: bool,
    ) -> Result<Map<String, Value>, (String, Map<String, Value>)> {
        let mut result: Map<String, Value> = Map::new();
        for (name, value) in &self.headers {
            result.insert(name.replace('-', "_"), value.clone().into());
        }
        let status = self.status.unwrap_or(-1);
        let length = self.headers.get("content-length").map_or("unknown", String::as_str);
        let fine = expected.contains(&status);
        let message = match &self.error {
            Some(error) if self.status.is_none() => error.trim().to_owned(),
            _ if status < 400 => {
                format!("{} ({length} bytes)", if self.reason.is_empty() { "OK" } else { &self.reason })
            }
            _ => format!("HTTP Error {status}: {}", self.reason),
        };
        let text = String::from_utf8_lossy(&self.body);
        let cookies: Map<String, Value> =
            self.cookies.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        let cookie_text: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        for (name, value) in [
            ("status", json!(status)),
            ("url", json!(self.url)),
            ("redirected", json!(self.redirected)),
            ("elapsed", json!(self.elapsed)),
            ("cookies", Value::Object(cookies)),
            ("cookies_string", json!(cookie_text.join("; "))),
            ("msg", json!(message)),
        ] {
            result.insert(name.to_owned(), value);
        }
        if let Some(json) = self.json() {
            result.insert("json".to_owned(), json);
        }
        if return_content {
            result.insert("content".to_owned(), text.into());
        }
        if fine && self.status.is_some() {
            return Ok(result);
        }
        let wanted = expected.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let why = if self.status.is_none() {
            message
        } else {
            format!("status {status} where {wanted} is expected: {message}")
        };
        result.insert("msg".to_owned(), why.clone().into());
        Err((why, result))
    }

    /// The body as JSON, where its type says that it is.
    fn json(&self) -> Option<Value> {
        let kind = self.headers.get("content-type")?.split(';').next()?.trim().to_ascii_lowercase();
        let sub = kind.split_once('/')?.1;
        let named = sub.rsplit('+').next().unwrap_or(sub);
        matches!(named, "json" | "javascript").then(|| serde_json::from_slice(&self.body).ok())?
    }
}

impl MakeRequest {
    /// What `register` keeps of a request that has been made.
    ///
    /// # Errors
    /// The sentence that says what is wrong, with the same fields.
    pub fn result(&self, body: &str) -> Result<Map<String, Value>, (String, Map<String, Value>)> {
        match super::decode_more::response_of(body) {
            Ok(response) => response.result(&self.expected, self.return_content),
            Err(error) => Err((error.to_string(), Map::new())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_those_of_ansible() {
        let response = Response {
            status: Some(200),
            url: "http://h/".into(),
            reason: "OK".into(),
            headers: [("content-type", "application/vnd.x+json; charset=utf-8"), ("content-length", "7")]
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .into(),
            cookies: vec![("a".into(), "1".into())],
            body: b"{\"a\":1}".to_vec(),
            ..Response::default()
        };
        let result = response.result(&[200], true).unwrap();
        assert_eq!((&result["json"], &result["content"]), (&json!({"a": 1}), &json!("{\"a\":1}")));
        assert_eq!((&result["status"], &result["msg"]), (&json!(200), &json!("OK (7 bytes)")));
        assert_eq!(
            (&result["content_type"], &result["cookies"]),
            (&json!("application/vnd.x+json; charset=utf-8"), &json!({"a": "1"}))
        );
        assert!(!response.result(&[200], false).unwrap().contains_key("content"));
        let (why, result) = response.result(&[201, 204], false).unwrap_err();
        assert_eq!(why, "status 200 where 201, 204 is expected: OK (7 bytes)");
        assert_eq!(result["status"], 200);
        let nobody = Response { error: Some("curl: (7) refused\n".into()), ..Response::default() };
        let (why, result) = nobody.result(&[200], false).unwrap_err();
        assert_eq!((why.as_str(), &result["status"]), ("curl: (7) refused", &json!(-1)));
    }
}
