# A real Prometheus that finds the chart's drivers, their sidecars and their problems.
# shellcheck shell=bash

check_metrics() {
  check 'with metrics.enabled the chart serves metrics, and its pods become ready' metrics_are_enabled
  check 'Prometheus starts with the scrape configuration and the alerts of deploy/monitoring' prometheus_runs
  check 'it scrapes the driver and the sidecars of every node, and nothing else' every_target_is_up
  check 'the size and the calls of a volume are those of its claim' claim_is_measured
  check 'an alert fires for a volume that has lost its data, and ends when the data are back' lost_data_raises_alert
  check 'an alert fires for a driver that is gone, and ends when it is back' lost_driver_raises_alert
  check 'every rule can be evaluated' rules_are_evaluated
  check 'nothing is left of the chart with metrics' monitoring_goes
}

MONITORING=$PROJECT/deploy/monitoring

metrics_are_enabled() { install_chart watched --set metrics.enabled=true; }

prometheus_runs() {
  kubectl create namespace monitoring
  kubectl -n monitoring create serviceaccount prometheus
  kubectl -n csi-hostpath create role prometheus --verb=get,list,watch --resource=pods
  kubectl -n csi-hostpath create rolebinding prometheus --role=prometheus --serviceaccount=monitoring:prometheus
  # An alert is raised at once.
  sed 's/^\( *for:\) .*/\1 0s/' "$MONITORING/alerts.yaml" >"$STATE/alerts.yaml"
  {
    printf 'global: {scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s}\nrule_files: [alerts.yaml]\n'
    cat "$MONITORING/scrape-config.yaml"
    printf '  - {job_name: prometheus, static_configs: [{targets: ["localhost:9090"]}]}\n'
  } >"$STATE/prometheus.yml"
  kubectl -n monitoring create configmap prometheus --from-file="$STATE/prometheus.yml" --from-file="$STATE/alerts.yaml"
  kubectl apply -f - <<YAML
apiVersion: v1
kind: Pod
metadata: {name: prometheus, namespace: monitoring}
spec:
  serviceAccountName: prometheus
  terminationGracePeriodSeconds: 1
  containers:
    - name: prometheus
      image: $PROMETHEUS_IMAGE
      imagePullPolicy: Never
      args: [--config.file=/etc/prometheus/prometheus.yml, --storage.tsdb.path=/data]
      readinessProbe: {httpGet: {path: /-/ready, port: 9090}, periodSeconds: 1}
      volumeMounts:
        - {name: configuration, mountPath: /etc/prometheus}
        - {name: data, mountPath: /data}
  volumes:
    - {name: configuration, configMap: {name: prometheus}}
    - {name: data, emptyDir: {}}
YAML
  kubectl -n monitoring wait --for=condition=Ready --timeout=60s pod/prometheus
}

# query EXPRESSION: its series, one a line
query() { kubectl -n monitoring exec prometheus -- /promtool query instant http://localhost:9090 "$1"; }

# has_value EXPRESSION: any, after the next scrapes and evaluations
has_value() { wait_for "${PATIENCE:-60}" "a value of $1" is_known "$1" || { query '{job="csi-hostpath"}'; return 1; }; }
has_no_value() { wait_for "${PATIENCE:-60}" "the end of $1" is_unknown "$1" || { query "$1"; return 1; }; }
is_known() { [[ -n $(query "$1") ]]; }
is_unknown() { [[ -z $(query "$1") ]]; }

fires() { echo "ALERTS{alertname=\"CSIHostpath$1\", alertstate=\"firing\", $2}"; }

every_target_is_up() {
  local number container
  for number in $(node_numbers); do
    for container in driver csi-provisioner csi-resizer csi-snapshotter; do
      has_value "up{job=\"csi-hostpath\", node=\"$(node_name "$number")\", container=\"$container\"} == 1"
    done
  done
  is_known "count(up{job=\"csi-hostpath\"}) == 4 * $(node_numbers | wc -w)"
}

claim_is_measured() {
  claim measured watched-csi-hostpath 32Mi
  pod measured measured 'echo kept >/data/file'
  succeeds measured
  local of_claim='namespace="storage-test", persistentvolumeclaim="measured"'
  has_value "csi_hostpath_volume_capacity_bytes{$of_claim} == $((32 * 1024 * 1024))"
  local calls='method_name="/csi.v1.Controller/CreateVolume", grpc_status_code="OK"'
  has_value "csi_plugin_operations_seconds_count{$calls} >= 1"
  has_value "csi_sidecar_operations_seconds_count{container=\"csi-provisioner\", driver_name=\"$DRIVER\", $calls} >= 1"
  remove pod/measured
}

# data_of CLAIM: the directory of its volume, as this host sees it
data_of() {
  local volume number
  volume=$(kubectl get pv "$(kubectl get pvc "$1" -o jsonpath='{.spec.volumeName}')" -o jsonpath='{.spec.csi.volumeHandle}')
  for number in $(node_numbers); do find "$(node_state "$number")/var/lib/csi-hostpath-data/volumes" -mindepth 1 -maxdepth 1 -name "$volume"; done
}

lost_data_raises_alert() {
  local image alert
  image=$(data_of measured)/image
  alert=$(fires DataMissing 'severity="critical", namespace="storage-test", persistentvolumeclaim="measured"')
  has_no_value "$alert"
  mv "$image" "$STATE/lost"
  has_value "$alert"
  mv "$STATE/lost" "$image"
  has_no_value "$alert"
  remove pvc/measured
  wait_for 60 'the volume to go' no_volume_is_left
}

lost_driver_raises_alert() {
  local alert process
  alert=$(fires DriverDown "node=\"$NODE\"")
  process=$(driver_process)
  kill -STOP "$process"
  # The liveness probe would end it after 25 seconds.
  has_value "$alert" || { kill -CONT "$process"; return 1; }
  kill -CONT "$process"
  has_no_value "$alert"
}

rules_are_evaluated() {
  has_value 'prometheus_rule_evaluations_total > 0'
  is_known "count(prometheus_rule_group_rules) > 0"
  has_no_value 'prometheus_rule_evaluation_failures_total > 0'
}

monitoring_goes() {
  remove namespace/monitoring
  kubectl -n csi-hostpath delete role/prometheus rolebinding/prometheus
  uninstall_chart watched
}
