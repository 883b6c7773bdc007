# The first host has settings of its own; each has a container that starts again and one that stays down.
if [ "$1" = 1 ]; then
    printf '%s' '{"labels": ["rack=7"], "log-opts": {"max-file": "3"}, "insecure-registries": ["old.lab"], "log-driver": "json-file"}' >/etc/docker/daemon.json
    systemctl restart docker
fi
docker run -d --name once idle:1
docker run -d --name always --restart always idle:1
