//! Many at once.

use super::*;

#[test]
fn five_hundred_idle_connections_cost_the_others_nothing() {
    let house = House::new();
    let config = trusting(&house.certificate);
    let mut crowd: Vec<Tls> = (0..500).map(|_| house.client_by(Arc::clone(&config))).collect();
    for client in &mut crowd {
        assert_eq!(get(client, "/hello").status, 200);
    }
    house.holds(500);
    let mut client = house.client();
    for _ in 0..200 {
        assert_eq!(get(&mut client, "/hello").status, 200);
    }
    // Every one of them is still there.
    for client in &mut crowd {
        assert_eq!(get(client, "/hello").status, 200);
    }
    drop(crowd);
    house.holds(1);
    assert_eq!(house.count(Counter::WebConnections), 501);
}

#[test]
fn a_crowd_of_subscribers_hears_everything_in_order() {
    let house = House::new();
    let config = trusting(&house.certificate);
    let mut crowd: Vec<Tls> = (0..100)
        .map(|_| {
            let mut client = house.client_by(Arc::clone(&config));
            client.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
            head(&mut client).expect("an answer");
            client
        })
        .collect();
    for number in 0..50 {
        house.publish(&format!("<{number}>"));
    }
    for client in &mut crowd {
        let mut text = String::new();
        while !text.contains("<49>") {
            let mut some = [0; 4096];
            let count = client.read(&mut some).expect("events");
            text.push_str(&String::from_utf8_lossy(&some[..count]));
        }
        let places: Vec<_> = (0..50).map(|number| text.find(&format!("<{number}>"))).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted());
    }
}
